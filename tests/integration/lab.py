"""A cluster of the real thing: the command line and all processes behind it, in folders of their own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).parents[2]

#: No command may take longer, seconds: a boot takes about ten on an idle machine of two cores.
LIMIT = 150.0

#: Set in the environment of every process of a lab, by which those that are left over are found.
_MARK = "VKD_TEST_LAB"

_OURS = Path(sys.executable).with_name("vkd")

#: The folder of a lab's cluster file, hence the cluster's name.
NAME = "lab"

T = TypeVar("T")


def command() -> list[str]:
    """Return the words that run `vkd`: the installed script of this interpreter, or else the module."""
    return [str(_OURS)] if _OURS.exists() else [sys.executable, "-m", "vkd.cli"]


@dataclass(frozen=True)
class Done:
    """How a command ended; output as text."""

    code: int
    out: str
    err: str


@dataclass
class Lab:
    """Runs `vkd` in `folder`, with runtime and state folders of its own.

    `command` are the words that run `vkd`; `wrap` goes before every command, for instance to be another user.
    """

    folder: Path
    env: dict[str, str]
    runtime: Path
    state: Path
    wrap: Sequence[str] = ()
    command: Sequence[str] = ()

    def write(self, text: str, name: str = "cluster.toml") -> Path:
        """Write a cluster file."""
        path = self.folder / name
        path.write_text(text)
        return path

    def run(self, *words: str, code: int | None = 0, limit: float = LIMIT, **more: Any) -> Done:
        """Run any command to its end; it must end with `code` unless that is None."""
        done = subprocess.run(
            [*self.wrap, *words],
            env=self.env,
            cwd=self.folder,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limit,
            check=False,
            stdin=subprocess.DEVNULL,
            **more,
        )
        if code is not None:
            assert done.returncode == code, f"{words}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback (most recent call last)" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    def vkd(self, *words: str, code: int | None = 0, limit: float = LIMIT) -> Done:
        """Run `vkd` to its end."""
        return self.run(*self.command, *words, code=code, limit=limit)

    def popen(self, *words: str, **more: Any) -> subprocess.Popen[bytes]:
        """Start `vkd`; the caller sees to its end."""
        return subprocess.Popen([*self.wrap, *self.command, *words], env=self.env, cwd=self.folder, **more)

    def ssh(self, guest: str, line: str, code: int | None = 0) -> str:
        """Run a command line in a guest and return what it printed, stripped."""
        return self.vkd("ssh", guest, "--", line, code=code).out.strip()

    def rows(self) -> dict[str, dict[str, Any]]:
        """Return `ps --all --json` by guest."""
        found: list[dict[str, Any]] = json.loads(self.vkd("ps", "--all", "--json").out)
        return {row["name"]: row for row in found}

    def row(self, guest: str) -> dict[str, Any]:
        """Return one guest of `ps`."""
        return self.rows()[guest]

    def pids(self) -> dict[str, int]:
        """Return the process of each guest that has one."""
        return {name: row["pid"] for name, row in self.rows().items() if row["pid"] is not None}

    def until(self, guest: str, *states: str, seconds: float = 90) -> dict[str, Any]:
        """Wait until a guest is in one of `states`; return its row."""
        return wait_for(lambda: (row := self.row(guest))["state"] in states and row, self.rows, seconds)

    def processes(self) -> dict[int, list[str]]:
        """Return the processes of this lab: their command lines by pid."""
        mark = f"{_MARK}={self.env[_MARK]}".encode()
        found = {}
        for entry in Path("/proc").iterdir():
            # A process may end while it is looked at.
            with contextlib.suppress(OSError, ValueError):
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    line = (entry / "cmdline").read_bytes().decode(errors="replace")
                    found[int(entry.name)] = line.split("\0")[:-1]
        return found

    def pid_of(self, *words: str) -> int:
        """Return the one process whose command line holds all `words`."""
        found = [pid for pid, line in self.processes().items() if all(word in line for word in words)]
        assert len(found) == 1, self.processes()
        return found[0]

    def daemon(self) -> int:
        """Return the process of the daemon."""
        return int((self.runtime / "daemon.lock").read_text())

    def down(self) -> None:
        """End everything and see that nothing is left: no process, socket, file, nor the store."""
        self.vkd("down", "--all")
        self.assert_nothing_left()

    def assert_nothing_left(self) -> None:
        """Fail if a process or a file of vkd is left; a daemon may take some seconds to notice that it is idle."""
        wait_for(lambda: not self.processes(), self.processes, 10)
        for folder in (self.runtime, self.state):
            left = sorted(str(path) for path in folder.rglob("*")) if folder.exists() else []
            assert not left, left
            assert not folder.exists(), f"{folder} is empty, but there"

    def kill_rest(self) -> None:
        """End what a failed test left running."""
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@contextlib.contextmanager
def open_lab() -> Iterator[Lab]:
    """Make a lab; at its end everything is taken down, and it is an error if anything stays."""
    # Not pytest's own folder: paths of sockets have a limit of 107 bytes.
    top = Path(tempfile.mkdtemp(prefix="vkd-", dir="/tmp"))
    folder = top / NAME
    folder.mkdir()
    clean = {name: value for name, value in os.environ.items() if not name.startswith("VKD_")}
    runtime, state = top / "run", top / "state"
    folders = {"VKD_RUNTIME_DIR": str(runtime), "VKD_STATE_DIR": str(state), _MARK: str(top)}
    lab = Lab(folder, {**clean, **folders}, runtime, state, command=command())
    try:
        yield lab
        lab.down()
    finally:
        close(lab)


def close(lab: Lab) -> None:
    """Remove a lab, by force where needed."""
    lab.kill_rest()
    for folder in (lab.runtime, lab.state, lab.folder.parent):
        shutil.rmtree(folder, ignore_errors=True)


def as_user(lab: Lab, user: int) -> Lab:
    """Return the lab as an unprivileged user has it: a home of its own, and the default folders."""
    os.chown(lab.folder, user, user)
    lab.folder.parent.chmod(0o755)
    env = {"HOME": str(lab.folder), "PATH": os.environ["PATH"], _MARK: lab.env[_MARK]}
    wrap = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--no-new-privs", "--"]
    return Lab(lab.folder, env, Path(f"/tmp/vkd-{user}"), lab.folder / ".local/state/vkd", wrap, lab.command)


def wait_for(check: Callable[[], T | bool | None], explain: Callable[[], object], seconds: float = 60) -> T:
    """Return what `check` returns as soon as that is true; fail with `explain()` after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        if found := check():
            return found  # type: ignore[return-value]
        assert time.monotonic() < deadline, explain()
        time.sleep(0.1)


def kill(pid: int) -> None:
    """End a process as a crash would."""
    os.kill(pid, signal.SIGKILL)
