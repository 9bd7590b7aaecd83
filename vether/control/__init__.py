"""The control protocol that every daemon here speaks: msgpack maps over a unix stream socket.

A client sends one request and reads its answer before it sends the next:

=========  =====================================================================
request    ``{"op": str, "args": {str: any}}``
event      ``{"event": any}``, any number, for operations that stream
end        ``{"ok": any}`` or ``{"error": {"code": str, "message": str, "hint": str | None}}``
=========  =====================================================================

Each message is preceded by its length, 4 bytes big-endian, at most :data:`~vether.control.codec.MAX_MESSAGE`.
Sockets have mode 0600, and a peer of another user is refused (``SO_PEERCRED``).
"""

from vether.control.codec import ControlError, Decoder, ProtocolError, encode

__all__ = ["ControlError", "Decoder", "ProtocolError", "encode"]
