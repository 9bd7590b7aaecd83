"""Bytes to messages and back, without input or output (the framing is described in :mod:`vether.control`)."""

from collections.abc import Iterator
from typing import Any

import msgpack

#: The longest message, bytes. Longer ones are a protocol error, so that a peer cannot make us buffer without bound. The
#: longest that there is to say is a full forwarding database.
MAX_MESSAGE = 16 * 1024 * 1024

_HEADER = 4

Message = dict[str, Any]


class ProtocolError(Exception):
    """The peer sent bytes that are not this protocol; the connection is of no more use."""


class ControlError(Exception):
    """An operation failed at the other end.

    ``code`` is stable and for programs (``not-found``, ``invalid``, ``busy``, …), ``message`` and ``hint`` for people.
    """

    def __init__(self, code: str, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint

    def to_message(self) -> Message:
        """Return the ``error`` message that carries this."""
        return {"error": {"code": self.code, "message": self.message, "hint": self.hint}}

    @classmethod
    def from_message_untrusted(cls, error: object) -> "ControlError":
        """Read the value of an ``error`` key, whatever the peer put there."""
        fields = error if isinstance(error, dict) else {}
        hint = fields.get("hint")
        return cls(
            str(fields.get("code", "unknown")),
            str(fields.get("message", "the other end gave no reason")),
            None if hint is None else str(hint),
        )


def encode(message: Message) -> bytes:
    """Return ``message`` with its length in front. Raises ``ProtocolError`` if it is too long."""
    body: bytes = msgpack.packb(message, use_bin_type=True)
    if len(body) > MAX_MESSAGE:
        raise ProtocolError(f"a message of {len(body)} bytes is over the limit of {MAX_MESSAGE}")
    return len(body).to_bytes(_HEADER, "big") + body


class Decoder:
    """Cuts a byte stream into messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed_untrusted(self, data: bytes | bytearray) -> Iterator[Message]:
        """Take ``data`` and yield each message that it completes.

        Raises ``ProtocolError`` on an overlong or malformed message.
        """
        self._buffer += data
        while len(self._buffer) >= _HEADER:
            length = int.from_bytes(self._buffer[:_HEADER], "big")
            if length > MAX_MESSAGE:
                raise ProtocolError(f"a message of {length} bytes is over the limit of {MAX_MESSAGE}")
            end = _HEADER + length
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_HEADER:end])
            del self._buffer[:end]
            yield _unpack_untrusted(body)

    @property
    def empty(self) -> bool:
        """Whether no part of a message is waiting for the rest."""
        return not self._buffer


def _unpack_untrusted(body: bytes) -> Message:
    try:
        message = msgpack.unpackb(body, raw=False, strict_map_key=True)
    except (ValueError, msgpack.UnpackException, RecursionError) as error:
        raise ProtocolError(f"not a msgpack message: {error}") from error
    if not isinstance(message, dict) or not all(isinstance(key, str) for key in message):
        raise ProtocolError("a message must be a map with string keys")
    return message
