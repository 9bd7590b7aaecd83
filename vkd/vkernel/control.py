"""The vkernel's control socket: the protocol of :mod:`vether.control` on the small loop.

| operation | value |
|---|---|
| `status` | what `describe` of the process returns |
| `stop` | nil; the machine is ended, its disks are flushed |
| `reset` | nil; the machine is started anew, as by a reset button |
| `profile-start` | nil; from now on, and through reboots, the harts are sampled: arguments `hz` and `task_name` |
| `profile-read` | a :class:`vkd.profile.sample.Batch`: what has been sampled and not yet read |
| `profile-stop` | nil |
"""

import os
import socket
import struct
from collections.abc import Callable, Mapping
from typing import Any

from vether.control.codec import ControlError, Decoder, Message, ProtocolError, encode
from vkd.vkernel.loop import Loop

Handler = Callable[..., Any]

#: Bytes of answers that may wait for a client before it is dropped.
_BACKLOG = 1024 * 1024
_UCRED = struct.Struct("3i")


class ControlServer:
    """Answers clients that connect to `listener`, by operation name."""

    def __init__(self, loop: Loop, listener: socket.socket, handlers: Mapping[str, Handler]) -> None:
        self.loop = loop
        self.handlers = handlers
        self._listener = listener
        self._clients: set[_Client] = set()
        loop.watch(listener, self._accept)

    def close(self) -> None:
        """Hang up on everybody."""
        self.loop.watch(self._listener, None)
        self._listener.close()
        for client in tuple(self._clients):
            client.flush()
            client.close()

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError:
            return
        _pid, uid, _gid = _UCRED.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
        if uid not in {0, os.getuid()}:
            sock.close()
            return
        sock.setblocking(False)
        self._clients.add(_Client(self, sock))

    def forget(self, client: "_Client") -> None:
        """Take out a client that is gone."""
        self._clients.discard(client)


class _Client:
    def __init__(self, server: ControlServer, sock: socket.socket) -> None:
        self._server = server
        self._socket = sock
        self._decoder = Decoder()
        self._out = bytearray()
        self._closed = False
        server.loop.watch(sock, self._read)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._server.loop.watch(self._socket, None)
            self._socket.close()
            self._server.forget(self)

    def flush(self) -> None:
        if self._closed:
            return
        try:
            while self._out:
                del self._out[: self._socket.send(self._out)]
        except (BlockingIOError, InterruptedError):
            if len(self._out) > _BACKLOG:
                self.close()
                return
        except OSError:
            self.close()
            return
        self._server.loop.watch(self._socket, self._read, self.flush if self._out else None)

    def _read(self) -> None:
        if self._closed:
            return
        try:
            data = self._socket.recv(65536)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        try:
            for message in self._decoder.feed_untrusted(data):
                self._out += encode(self._answer_untrusted(message))
        except ProtocolError as error:
            self._out += encode(ControlError("protocol", str(error)).to_message())
            self.flush()
            self.close()
            return
        self.flush()

    def _answer_untrusted(self, message: Message) -> Message:
        op = message.get("op")
        handler = self._server.handlers.get(op) if isinstance(op, str) else None
        if handler is None:
            known = ", ".join(sorted(self._server.handlers))
            return ControlError("unknown-op", f"no operation {op!r}; there are: {known}").to_message()
        args = message.get("args", {})
        try:
            return {"ok": handler(**args) if isinstance(args, dict) else handler(args)}
        except ValueError as error:
            return ControlError("invalid", str(error)).to_message()
        except Exception as error:
            return ControlError("internal", f"{op}: {error}").to_message()
