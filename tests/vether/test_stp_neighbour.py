"""Our spanning tree and the kernel's, joined by two links: one root, one blocked port, topology changes told."""

import json
import shutil
import subprocess
import sys
from typing import Any

import pytest

COMMAND = [sys.executable, "-m", "tests.vether.stp_neighbour"]


@pytest.fixture(scope="module", autouse=True)
def needs_a_kernel_bridge() -> None:
    if shutil.which("ip") is None or subprocess.run([*COMMAND, "--probe"], capture_output=True, check=False).returncode:
        pytest.skip("needs iproute2 and the right to make a network namespace with a bridge in it")


def run(scenario: str) -> dict[str, Any]:
    done = subprocess.run([*COMMAND, scenario], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_the_kernel_is_root() -> None:
    assert run("kernel-is-root")["moved"] < 2.0


def test_ours_is_root() -> None:
    result = run("ours-is-root")
    assert result["changes"] >= 1
    assert result["flushes"] >= 1
