"""The vkernel process: puts the machine, its console and its control socket together and ends in order."""

import contextlib
import ctypes
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from vkd.vkernel.console import Console, Log
from vkd.vkernel.control import ControlServer
from vkd.vkernel.loop import Loop
from vkd.vkernel.machine import Native, Runner, build
from vkd.vkernel.spec import CONSOLE, CONSOLE_LOG, CONTROL, EXIT, ExitRecord, Spec, write_atomically

#: The process's exit status by the kind of the guest's end.
STATUS = {"poweroff": 0, "stopped": 0, "reboot": 0, "failure": 1, "halted": 1, "fault": 70}

#: How long the machine may take to end after it was told to, seconds.
_STOP_BOUND = 30.0

#: Pieces of console output that may be on their way from the reader to the loop.
_UNHEARD = 16

_PR_SET_NO_NEW_PRIVS = 38


class VKernel:
    """One guest's process. `run` returns the exit status."""

    def __init__(self, folder: Path, spec: Spec, make: Callable[[Spec], Native] = build) -> None:
        self._folder = folder
        self._spec = spec
        self._loop = Loop()
        self._unheard = threading.Semaphore(_UNHEARD)
        self._began = time.time()
        self._record: ExitRecord | None = None
        self._runner = Runner(spec, self._said, self._ended, make)
        # Before the sockets are there: who sees one may send a signal.
        self._handle_signals()
        self._console = Console(self._loop, listen(folder / CONSOLE), Log(folder / CONSOLE_LOG), self._runner.write)
        self._control = ControlServer(
            self._loop,
            listen(folder / CONTROL),
            {
                "status": self.describe,
                "stop": self.stop,
                "reset": self._runner.reset,
                "profile-start": self._runner.profile_start,
                "profile-read": self._runner.profile_read,
                "profile-stop": self._runner.profile_stop,
            },
        )

    def run(self) -> int:
        """Run the guest to its end."""
        try:
            self._runner.start()
        except Exception as error:
            self._finish(ExitRecord(kind="fault", reason=_reason(error)))
        self._loop.run()
        record = self._record or ExitRecord(kind="fault", reason="the machine did not end when it was told to")
        self._console.close()
        self._control.close()
        for name in (CONSOLE, CONTROL):
            (self._folder / name).unlink(missing_ok=True)
        record.ended = time.time()
        try:
            write_atomically(self._folder / EXIT, record)
        except OSError as error:
            sys.stderr.write(f"vkernel: how the guest ended ({record.kind}) is not kept: {error}\n")
        return STATUS[record.kind]

    def stop(self) -> None:
        """Begin to end the guest; its disks are flushed."""
        self._runner.stop()
        self._loop.later(_STOP_BOUND, self._loop.end)

    def describe(self) -> dict[str, Any]:
        """Return the identity and the counters of this process."""
        return {
            "cluster": self._spec.cluster,
            "guest": self._spec.name,
            "pid": os.getpid(),
            "started": self._began,
            "time": time.monotonic(),
            "cpu": time.process_time(),
            "boots": self._runner.boots,
            "console_bytes": self._console.total,
            "viewers": self._console.viewers,
            "viewers_dropped": self._console.dropped,
            "machine": self._runner.stats(),
        }

    def _said(self, data: bytes) -> None:
        # The reader waits for the loop, not for any viewer: what the guest says piles up nowhere.
        self._unheard.acquire()
        self._loop.call(partial(self._say, data))

    def _say(self, data: bytes) -> None:
        self._unheard.release()
        self._console.say(data)

    def _ended(self, record: ExitRecord) -> None:
        self._loop.call(partial(self._finish, record))

    def _finish(self, record: ExitRecord) -> None:
        self._record = record
        self._loop.end()

    def _handle_signals(self) -> None:
        def on_stop(_number: int, _frame: object) -> None:
            self.stop()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, on_stop)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        signal.set_wakeup_fd(self._loop.wake_fd, warn_on_full_buffer=False)


def listen(path: Path) -> socket.socket:
    """Return a non-blocking stream socket that listens at `path`, mode 0600. The caller owns the folder."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    old = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(old)
    listener.listen(16)
    listener.setblocking(False)
    return listener


def confine(name: str) -> None:
    """Name this process and give up the right to gain privileges through programs that it might run."""
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_text(f"vkernel:{name}"[:15])
    ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def refuse(folder: Path, reason: str) -> int:
    """Leave an exit file for a guest that could not even be begun; return the exit status."""
    sys.stderr.write(f"vkernel: {reason}\n")
    with contextlib.suppress(OSError):
        write_atomically(folder / EXIT, ExitRecord(kind="fault", reason=reason, boots=0, ended=time.time()))
    return STATUS["fault"]


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error) or type(error).__name__
