"""The base image of `docker/`: whatever ends its making leaves neither processes nor mounts behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
APART = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]

#: Says who it is, and has a child, as debootstrap has.
SLOW = """#!/bin/sh
for word; do case $word in /*) root=$word ;; esac; done
echo "${root%/root}" > "$VKD_TEST_FOLDER/new"
mv "$VKD_TEST_FOLDER/new" "$VKD_TEST_FOLDER/started"
exec 3> "$VKD_TEST_FOLDER/alive"
sleep 300 &
wait
"""


def can_be_apart() -> bool:
    if os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "setpriv"))):
        return False
    return subprocess.run([*APART, "true"], capture_output=True, check=False).returncode == 0


needs_root = pytest.mark.skipif(not can_be_apart(), reason="takes root and namespaces for mounts and processes")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("VKD_TEST_FOLDER", str(tmp_path))
    monkeypatch.setenv("VKD_MIRROR", "http://mirror.invalid/debian")
    return tmp_path


def program(folder: Path, text: str) -> None:
    (folder / "debootstrap").write_text(text)
    (folder / "debootstrap").chmod(0o755)


def making() -> subprocess.Popen[str]:
    code = "import base, signal, sys; signal.signal(15, lambda *_: sys.exit(143)); base.make('vkd-test')"
    env = {**os.environ, "PYTHONPATH": f"{ROOT / 'docker'}:{ROOT}"}
    words = [sys.executable, "-c", code]
    return subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def holders(path: Path) -> list[str]:
    """Return the processes that have `path` open."""
    found = []
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if link.readlink() == path:
                found.append(link.parts[2])
        except OSError:
            continue
    return found


@needs_root
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_who_ends_it_ends_debootstrap_and_leaves_no_mount(folder: Path, number: signal.Signals) -> None:
    program(folder, SLOW)
    running = making()
    try:
        until(lambda: (folder / "started").exists() or running.poll() is not None, "debootstrap is not started")
        assert running.poll() is None, running.communicate()[0]
        until(lambda: len(holders(folder / "alive")) == 2, "debootstrap has no child")
        mounted = (folder / "started").read_text().strip()
        # It is not even seen from here.
        assert mounted not in Path("/proc/self/mounts").read_text()
    finally:
        running.send_signal(number)
        running.communicate(timeout=60)
    until(lambda: not holders(folder / "alive"), "debootstrap goes on")
    assert mounted not in Path("/proc/self/mounts").read_text()
    assert Path(mounted).exists() == (number == signal.SIGKILL)
    if number == signal.SIGKILL:
        Path(mounted).rmdir()  # an empty folder is all that stays


@needs_root
def test_what_debootstrap_says_is_told(folder: Path) -> None:
    program(folder, "#!/bin/sh\necho no such mirror\nexit 3\n")
    running = making()
    said = running.communicate(timeout=60)[0]
    assert running.returncode == 1
    assert "VkdError: debootstrap failed:\nno such mirror" in said
