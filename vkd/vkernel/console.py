"""The guest's console: what it says goes to a bounded log and to every viewer, what any viewer types goes to the guest.

A viewer that does not keep up is dropped; the guest never waits for one. A new viewer first gets the recent output.
"""

import socket
from collections.abc import Callable
from pathlib import Path

from vkd.vkernel.loop import Loop

#: Recent output that a new viewer gets, and output that may wait for a viewer before it is dropped, bytes.
REPLAY = 8 * 1024
BACKLOG = 256 * 1024

#: Size at which `console.log` becomes `console.log.1`, bytes.
LOG_LIMIT = 4 * 1024 * 1024

#: Most viewers at one time; further ones are turned away.
VIEWERS = 32

_CHUNK = 4096
_RETRY = 0.02


class Log:
    """A file that begins anew with each process; the one before it is kept, and so when it is full."""

    def __init__(self, path: Path, limit: int = LOG_LIMIT) -> None:
        self._path = path
        self._limit = limit
        self._file = path.open("ab", buffering=0)
        self._size = self._file.tell()
        if self._size:
            self._rotate()

    def write(self, data: bytes) -> None:
        """Append `data`. A full file system loses it: the guest must not end for that."""
        try:
            if self._size + len(data) > self._limit:
                self._rotate()
            self._file.write(data)
            self._size += len(data)
        except (OSError, ValueError):
            return

    def _rotate(self) -> None:
        self._file.close()
        self._path.replace(self._path.with_name(self._path.name + ".1"))
        self._file = self._path.open("ab", buffering=0)
        self._size = 0

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Console:
    """Fans output out to the viewers that connect to `listener` and collects their input."""

    def __init__(self, loop: Loop, listener: socket.socket, log: Log, write: Callable[[bytes], int]) -> None:
        """`write` gives input to the guest and returns how many bytes it took."""
        self._loop = loop
        self._listener = listener
        self._log = log
        self.write = write
        self._recent = bytearray()
        self._viewers: set[Viewer] = set()
        #: Bytes that the guest has said in all.
        self.total = 0
        #: Viewers dropped because they did not keep up.
        self.dropped = 0
        loop.watch(listener, self._accept)

    @property
    def viewers(self) -> int:
        """How many viewers are connected."""
        return len(self._viewers)

    def say(self, data: bytes) -> None:
        """Take output of the guest."""
        self.total += len(data)
        self._log.write(data)
        self._recent += data
        if len(self._recent) > 2 * REPLAY:
            del self._recent[:-REPLAY]
        for viewer in tuple(self._viewers):
            if not viewer.show(data):
                self.dropped += 1

    def close(self) -> None:
        """Let go of all viewers; what they can take without waiting is sent first."""
        self._loop.watch(self._listener, None)
        self._listener.close()
        for viewer in tuple(self._viewers):
            viewer.flush()
            viewer.close()
        self._log.close()

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError:
            return
        if len(self._viewers) >= VIEWERS:
            sock.close()
            return
        sock.setblocking(False)
        viewer = Viewer(self._loop, sock, self)
        self._viewers.add(viewer)
        viewer.show(bytes(self._recent[-REPLAY:]))

    def forget(self, viewer: "Viewer") -> None:
        """Take out a viewer that is gone."""
        self._viewers.discard(viewer)


class Viewer:
    """One connection to the console."""

    def __init__(self, loop: Loop, sock: socket.socket, console: Console) -> None:
        self._loop = loop
        self._socket = sock
        self._console = console
        self._out = bytearray()
        self._typed = b""
        self._closed = False
        self._rewatch()

    def show(self, data: bytes) -> bool:
        """Queue `data` for the viewer; return False if that was too much and it was dropped."""
        self._out += data
        self.flush()
        if len(self._out) > BACKLOG:
            self.close()
            return False
        return True

    def flush(self) -> None:
        """Send what the socket takes without waiting."""
        if self._closed:
            return
        try:
            while self._out:
                del self._out[: self._socket.send(self._out[:65536])]
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            self.close()
            return
        self._rewatch()

    def close(self) -> None:
        """Hang up."""
        if self._closed:
            return
        self._closed = True
        self._out.clear()
        self._loop.watch(self._socket, None)
        self._socket.close()
        self._console.forget(self)

    def _rewatch(self) -> None:
        # While the guest has not taken what was typed, nothing more is read: the viewer waits, not the guest.
        readable = None if self._typed else self._read
        self._loop.watch(self._socket, readable, self.flush if self._out else None)

    def _read(self) -> None:
        if self._closed:
            return
        try:
            self._typed = self._socket.recv(_CHUNK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._typed = b""
        if self._typed:
            self._give()
        else:
            self.close()

    def _give(self) -> None:
        if self._closed:
            return
        self._typed = self._typed[self._console.write(self._typed) :]
        if self._typed:
            self._loop.later(_RETRY, self._give)
        self._rewatch()
