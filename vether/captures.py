"""Captures of a running switch that go to files or named pipes, from before a port exists on.

The datapath appends records to a bounded memory and never waits; :meth:`Captures.write` carries them to their files.
What a full disk or a reader that stalls cannot take is lost and counted.
"""

import contextlib
import errno
import logging
import os
import stat
from pathlib import Path
from typing import Any, Literal

import msgspec
import trio

from vether.errors import HostLacksError, SpecError, VetherError, hint_to_write
from vkd._native import Switch, check_capture_filter

log = logging.getLogger(__name__)


class CaptureSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of a port is captured, and where it goes."""

    #: Absolute path of a file, or of a named pipe that is there.
    file: str
    direction: Literal["in", "out", "both"] = "both"
    #: Which frames; all if empty.
    filter: str = ""
    #: Bytes to keep of each frame; 0 for all.
    snaplen: int = 0

    def check(self, where: str) -> None:
        """Raise `SpecError`, which names `where`, if it cannot be."""
        if not Path(self.file).is_absolute():
            raise SpecError(f"{where}.file: {self.file!r} is not an absolute path")
        if not 0 <= self.snaplen <= 262144:
            raise SpecError(f"{where}.snaplen: {self.snaplen} is not between 0 and 262144")
        try:
            check_capture_filter(self.filter)
        except ValueError as error:
            raise SpecError(f"{where}.{error}") from None


class _File:
    """One capture and the file that it goes to."""

    def __init__(self, switch: Switch, port: str, spec: CaptureSpec) -> None:
        self.spec = spec
        self.port = port
        self._switch = switch
        self._fd, self._is_pipe = _open(Path(spec.file))
        try:
            self.number = switch.start_capture(
                [port], direction=spec.direction, filter=spec.filter, snaplen=spec.snaplen
            )
        except BaseException:
            os.close(self._fd)
            raise
        self._ready = switch.capture_fd(self.number)
        #: Why no more is written.
        self.failure: str | None = None
        self._closed = False
        self._pending = b""

    async def write(self) -> None:
        """Write records as they come, until it is closed or the file takes no more."""
        try:
            while True:
                await trio.lowlevel.wait_readable(self._ready)
                if self._closed:
                    return
                self._pending += self._switch.take_capture(self.number)
                while self._pending and not self._closed:
                    self._write_some()
                    if self._is_pipe and self._pending:
                        await trio.lowlevel.wait_writable(self._fd)
                    else:
                        await trio.lowlevel.checkpoint()
        except trio.ClosedResourceError:
            return
        except OSError as error:
            self.failure = error.strerror or str(error)
            log.warning("capture of port %s to %s ended: %s", self.port, self.spec.file, self.failure)

    def wake(self) -> None:
        """Tell a :meth:`write` that waits that it is about to be closed."""
        trio.lowlevel.notify_closing(self._ready)
        trio.lowlevel.notify_closing(self._fd)

    def _write_some(self) -> None:
        with contextlib.suppress(BlockingIOError):
            # A piece at a time, so that a slow disk does not hold up the control plane for long.
            self._pending = self._pending[os.write(self._fd, self._pending[: 256 * 1024]) :]

    def close(self) -> None:
        """End the capture; write what is left, as far as that goes without waiting for a reader."""
        self._closed = True
        with contextlib.suppress(RuntimeError, KeyError):
            self._pending += self._switch.stop_capture(self.number)
        try:
            while self._pending and self.failure is None:
                left = len(self._pending)
                self._write_some()
                if len(self._pending) == left:
                    break
        except OSError as error:
            log.warning("the end of the capture of port %s to %s: %s", self.port, self.spec.file, error.strerror)
        os.close(self._fd)


class Captures:
    """The captures of the specification, one for each port at most."""

    def __init__(self, switch: Switch) -> None:
        self._switch = switch
        self._files: dict[str, _File] = {}
        self._nursery: trio.Nursery | None = None

    def set(self, port: str, spec: CaptureSpec | None) -> bool:
        """Capture `port`, which need not be there yet, as `spec` says, or no longer. Returns whether that is a change.

        Raises `VetherError` if the file cannot be written.
        """
        old = self._files.get(port)
        if (old and old.spec) == spec:
            return False
        self._end(port)
        if spec is not None:
            file = self._files[port] = _File(self._switch, port, spec)
            self._begin(file)
        return True

    def _begin(self, file: _File) -> None:
        if self._nursery is not None:
            self._nursery.start_soon(file.write)

    def _end(self, port: str) -> None:
        if file := self._files.pop(port, None):
            if self._nursery is not None:
                file.wake()
            file.close()

    async def write(self) -> None:
        """Write the files until cancelled."""
        try:
            async with trio.open_nursery() as self._nursery:
                for file in self._files.values():
                    self._begin(file)
                await trio.sleep_forever()
        finally:
            self._nursery = None

    def close(self) -> None:
        """End all captures."""
        for port in list(self._files):
            self._end(port)

    def rows(self) -> list[dict[str, Any]]:
        """Return each capture of the switch, those of the control socket as well."""
        files = {file.number: file for file in self._files.values()}
        rows = []
        for row in self._switch.captures():
            file = files.get(row["number"])
            ports = "all" if row["ports"] is None else ",".join(row["ports"])
            where = {"file": file and file.spec.file, "failure": file and file.failure}
            rows.append({**row, "ports": ports, **where})
        return rows


def _open(path: Path) -> tuple[int, bool]:
    """Open `path` for writing and say whether it is a pipe. What is there already is kept under the name `PATH.1`."""
    try:
        is_pipe = path.exists() and stat.S_ISFIFO(path.stat().st_mode)
        if is_pipe:
            # For reading, too: it opens before there is a reader, and what is written waits for one.
            return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC), True
        if path.is_file():
            path.replace(f"{path}.1")
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), False
    except OSError as error:
        what = f"cannot write the capture {path}: {error.strerror}"
        kind = HostLacksError if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS} else VetherError
        raise kind(what, hint=hint_to_write(path, error)) from error
