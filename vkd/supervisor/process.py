"""Processes that outlive the daemon: started in a session of their own, watched and signalled through a pidfd.

Each has a folder and holds a lock on the file `alive` in it for as long as it lives: the daemon takes it before it
starts the process and hands the descriptor down. A free lock therefore proves that no process is left, whenever and
however it or the daemon ended, and two can never run in one folder.
"""

import contextlib
import fcntl
import os
import signal
import socket
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path

import trio

from vkd import python
from vkd.errors import VkdError
from vkd.supervisor.record import Identity

LOCK = "alive"

_UCRED = struct.Struct("3i")


class Process:
    """A running process, ours or adopted."""

    def __init__(self, identity: Identity, pidfd: int, child: "subprocess.Popen[bytes] | None" = None) -> None:
        self.identity = identity
        self._pidfd = pidfd
        self._child = child

    @property
    def pid(self) -> int:
        """The process id."""
        return self.identity.pid

    async def wait(self) -> int | None:
        """Wait for the end; return the exit status (negative: the signal), or None for an adopted process."""
        await trio.lowlevel.wait_readable(self._pidfd)
        return self._child.wait() if self._child else None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens when the process is gone already."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, number)

    def close(self) -> None:
        """Let go of the pidfd; the process runs on."""
        os.close(self._pidfd)


def launch(folder: Path, argv: Sequence[str], log: str) -> Process:
    """Start `argv` for `folder`, its output in the file `log` there. Raises `VkdError`."""
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        output = os.open(folder / log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env=python.environment(),
                start_new_session=True,
                pass_fds=(lock,),
            )
        finally:
            os.close(output)
    except BlockingIOError as error:
        raise VkdError(f"another process still runs in {folder}", hint="end it, then try again") from error
    except OSError as error:
        raise VkdError(f"cannot start {argv[0]}: {error.strerror}") from error
    finally:
        os.close(lock)
    # A child that has ended already is a zombie until we wait for it, so its pid and its start time are its own.
    return Process(Identity(child.pid, start_ticks(child.pid) or 0), os.pidfd_open(child.pid), child)


def adopt(folder: Path, known: Identity | None, module: str, control: str) -> Process | None:
    """Return the process that holds `folder`, or None when there is none.

    It is the one `known`, or the one that listens at the socket `control`, or the one that runs `-m module FOLDER`;
    the last is for a process whose daemon ended before it could write down which it was. Raises `VkdError` when the
    folder is held by a process that cannot be told.
    """
    if not held(folder):
        return None
    for pid in _candidates(folder, known, module, control):
        try:
            pidfd = os.pidfd_open(pid)
        except OSError:
            continue
        ticks = start_ticks(pid)
        same = known is not None and known.pid == pid and known.ticks == ticks
        # With the pidfd open the pid cannot become another process's; only now is it worth to look who it is.
        if ticks is not None and (same or _runs(pid, module, folder)):
            return Process(Identity(pid, ticks), pidfd)
        os.close(pidfd)
    if not held(folder):
        return None
    raise VkdError(f"a process that is not known holds {folder / LOCK}", hint=f"find it with: fuser {folder / LOCK}")


def held(folder: Path) -> bool:
    """Whether some process holds the lock of `folder`."""
    try:
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def start_ticks(pid: int) -> int | None:
    """Return when a process started, clock ticks since boot (proc(5), field 22); None when there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    # The second field, the command, is in parentheses and may itself hold spaces and parentheses.
    return int(stat[stat.rindex(b")") + 2 :].split()[19])


def _candidates(folder: Path, known: Identity | None, module: str, control: str) -> list[int]:
    found = [known.pid] if known else []
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(1)
        sock.connect(str(folder / control))
        # For a client these are the credentials of the process that called listen(2), unix(7).
        found.append(_UCRED.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))[0])
    found += [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and _runs_any(entry, folder)]
    return found


def _runs_any(entry: Path, folder: Path) -> bool:
    return os.fsencode(folder) in _argv(int(entry.name))


def _runs(pid: int, module: str, folder: Path) -> bool:
    argv = _argv(pid)
    return module.encode() in argv and os.fsencode(folder) in argv


def _argv(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []
