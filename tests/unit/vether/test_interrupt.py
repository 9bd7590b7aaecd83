"""An interrupt while a command is still being imported."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

#: A module that gets an interrupt while it is imported, in a place where nobody lets an exception out.
_SLOW = """
import os, signal
try:
    os.kill(os.getpid(), signal.SIGINT)
except BaseException as error:
    print("came up as", repr(error))
print("imported")
"""


@pytest.mark.parametrize("package", ["vether.cli", "vkd.cli"])
def test_an_interrupt_during_the_imports_ends_the_command_in_silence(tmp_path: Path, package: str) -> None:
    # Both commands import click.
    (tmp_path / "click.py").write_text(_SLOW)
    done = _run(tmp_path, package)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_an_interrupt_that_is_ignored_stays_so(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(_SLOW)
    code = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); "
    code += "from vether.interrupt import load; load('slow'); print(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)"
    done = _python(tmp_path, code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "imported\nTrue\n", "")


def test_after_the_imports_an_interrupt_is_an_exception_again(tmp_path: Path) -> None:
    (tmp_path / "quick.py").write_text("")
    code = "import signal; from vether.interrupt import load; load('quick'); "
    done = _python(tmp_path, code + "print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)")
    assert (done.stdout, done.stderr) == ("True\n", "")


def _run(folder: Path, package: str) -> subprocess.CompletedProcess[str]:
    return _python(folder, f"from {package} import main; main()")


def _python(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    # Who runs the tests in the background has interrupts ignored; the command would inherit that.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        program = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(folder)!r}); {code}"]
        return subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
    finally:
        signal.signal(signal.SIGINT, before)
