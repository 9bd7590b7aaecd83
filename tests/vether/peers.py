"""Peers of foreign ports, as the protocols want them and as they should not be."""

import socket
import struct
from pathlib import Path

from tests.vether.lab import PATIENCE

FRAME = 70000


class Plain:
    """A peer whose messages are frames: a connected SEQPACKET or datagram socket."""

    def __init__(self, channel: socket.socket) -> None:
        self.socket = channel
        self.socket.settimeout(PATIENCE)

    def send(self, frame: bytes) -> None:
        self.socket.send(frame)

    def receive(self) -> bytes:
        return self.socket.recv(FRAME)

    def close(self) -> None:
        self.socket.close()


def bess(path: Path) -> Plain:
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    channel.connect(str(path))
    return Plain(channel)


class Datagram(Plain):
    """A peer that binds `local`, as QEMU does, and sends to `remote`."""

    def __init__(self, local: Path, remote: Path) -> None:
        local.unlink(missing_ok=True)
        channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        channel.bind(str(local))
        self._remote = str(remote)
        super().__init__(channel)

    def send(self, frame: bytes) -> None:
        self.socket.sendto(frame, self._remote)


class Stream:
    """A peer of a stream port; everything goes a few bytes at a time."""

    def __init__(self, channel: socket.socket) -> None:
        self.socket = channel
        self.socket.settimeout(PATIENCE)

    def send(self, frame: bytes, step: int = 5000) -> None:
        data = struct.pack(">I", len(frame)) + frame
        for at in range(0, len(data), step):
            self.socket.sendall(data[at : at + step])

    def receive(self) -> bytes:
        (length,) = struct.unpack(">I", self._exactly(4))
        return self._exactly(length)

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            more = self.socket.recv(min(count - len(data), 7000))
            if not more:
                raise ConnectionResetError
            data += more
        return data

    def close(self) -> None:
        self.socket.close()


def stream(path: Path) -> Stream:
    channel = socket.socket(socket.AF_UNIX)
    channel.connect(str(path))
    return Stream(channel)


def address(path: bytes) -> bytes:
    """A `sockaddr_un`, whole."""
    return struct.pack("=H108s", socket.AF_UNIX, path)


def request(path: bytes, *, kind: int = 0, magic: int = 0xFEEDFACE, version: int = 3, more: bytes = b"") -> bytes:
    return struct.pack("=III", magic, version, kind) + address(path) + more


class Vde(Plain):
    """A client of VDE's control protocol; its data socket has the abstract or other name `path`."""

    def __init__(self, folder: Path, path: bytes, **more: object) -> None:
        self.control = socket.socket(socket.AF_UNIX)
        # As VDE's programs connect: a socket that does not block is refused while the backlog is full, unix(7).
        self.control.connect(str(folder / "ctl"))
        self.control.settimeout(PATIENCE)
        channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        # An abstract name is all 107 bytes: this is how User Mode Linux binds it.
        channel.bind(path.ljust(108, b"\0") if path[:1] == b"\0" else path)
        self.control.sendall(request(path, **more))  # type: ignore[arg-type]
        answer = self.control.recv(200)
        assert len(answer) == 110
        assert answer[:2] == struct.pack("=H", socket.AF_UNIX)
        self.data = Path(answer[2:].split(b"\0")[0].decode())
        channel.connect(str(self.data))
        super().__init__(channel)

    def close(self) -> None:
        self.control.close()
        super().close()
