"""The typed stub says what the native module has."""

import subprocess
import sys
from pathlib import Path


def test_stub_and_module_agree(tmp_path: Path) -> None:
    allowed = tmp_path / "allowed"
    # The module's list of its own names is made by the binding.
    allowed.write_text("vkd._native.__all__\n")
    check = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "vkd._native", "--allowlist", str(allowed)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert check.returncode == 0, check.stdout + check.stderr
