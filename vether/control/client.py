"""A blocking client, for command lines: it starts fast because it imports no event loop."""

import contextlib
import socket
from collections.abc import Generator
from pathlib import Path
from types import TracebackType
from typing import Any

from vether.control.codec import ControlError, Decoder, Message, ProtocolError, encode


class Client:
    """A connection to a daemon's control socket.

    Raises ``FileNotFoundError`` or ``ConnectionRefusedError`` when no daemon listens at ``path``.
    """

    def __init__(self, path: Path, timeout: float | None = 30.0) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout)
        self._decoder = Decoder()
        self._inbox: list[Message] = []
        try:
            self._socket.connect(str(path))
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *exc: TracebackType | type[BaseException] | BaseException | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def hang_up(self) -> None:
        """Say that nothing more is wanted: an operation that streams ends and gives its value."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def call(self, op: str, **args: object) -> Any:
        """Run operation ``op`` and return its value; its events, if any, are passed over. Raises ``ControlError``."""
        stream = self.stream(op, **args)
        while True:
            try:
                next(stream)
            except StopIteration as end:
                return end.value

    def stream(self, op: str, **args: object) -> Generator[Any, None, Any]:
        """Run ``op`` and yield its events; the generator's return value is the operation's. Raises ``ControlError``."""
        self._socket.sendall(encode({"op": op, "args": args}))
        while True:
            message = self._receive()
            if "event" in message:
                yield message["event"]
            elif "error" in message:
                raise ControlError.from_message_untrusted(message["error"])
            elif "ok" in message:
                return message["ok"]
            else:
                raise ProtocolError(f"an answer with none of event, ok, error: {sorted(message)}")

    def _receive(self) -> Message:
        while not self._inbox:
            data = self._socket.recv(65536)
            if not data:
                raise ConnectionResetError("the daemon closed the connection before it answered")
            self._inbox.extend(self._decoder.feed_untrusted(data))
        return self._inbox.pop(0)
