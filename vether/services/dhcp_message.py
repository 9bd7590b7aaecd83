"""DHCP messages: bytes to fields and back (RFC 2131 section 2, RFC 2132, long options as in RFC 3396)."""

import struct
from dataclasses import dataclass, field
from enum import IntEnum
from ipaddress import IPv4Address

_FIXED = struct.Struct("!BBBBIHH4s4s4s4s16s64s128s")
_COOKIE = b"\x63\x82\x53\x63"
_ETHERNET = 1
_BROADCAST_FLAG = 0x8000
#: BOOTP relays and clients expect at least this (RFC 951).
_SHORTEST = 300
_PAD, _END = 0, 255

ANY = IPv4Address(0)


class MessageType(IntEnum):
    """Option 53."""

    DISCOVER = 1
    OFFER = 2
    REQUEST = 3
    DECLINE = 4
    ACK = 5
    NAK = 6
    RELEASE = 7
    INFORM = 8


class Option(IntEnum):
    """The options used here (RFC 2132)."""

    SUBNET_MASK = 1
    ROUTER = 3
    DNS = 6
    HOSTNAME = 12
    DOMAIN = 15
    MTU = 26
    BROADCAST = 28
    REQUESTED = 50
    LEASE_TIME = 51
    TYPE = 53
    SERVER = 54
    RENEWAL = 58
    REBINDING = 59


@dataclass(frozen=True)
class DhcpMessage:
    """A message. `mac` is the client's, 6 bytes; addresses that are not given are 0.0.0.0."""

    type: MessageType
    transaction: int
    mac: bytes
    broadcast: bool = False
    client: IPv4Address = ANY
    yours: IPv4Address = ANY
    relay: IPv4Address = ANY
    options: dict[int, bytes] = field(default_factory=dict)

    def address(self, option: Option) -> IPv4Address | None:
        """Return the address in `option`, if it is there and is one."""
        value = self.options.get(option)
        return IPv4Address(value) if value is not None and len(value) == 4 else None


def parse_request_untrusted(data: bytes) -> DhcpMessage | None:
    """Return the client's message in `data`; None if it is none."""
    if len(data) < _FIXED.size + len(_COOKIE) or data[_FIXED.size : _FIXED.size + 4] != _COOKIE:
        return None
    op, hardware, length, _hops, xid, _secs, flags, ciaddr, _yi, _si, giaddr, chaddr, _sname, _file = (
        _FIXED.unpack_from(data)
    )
    if op != 1 or hardware != _ETHERNET or length != 6:
        return None
    options = _options_untrusted(data[_FIXED.size + 4 :])
    try:
        (number,) = options[Option.TYPE]
        kind = MessageType(number)
    except (KeyError, ValueError):
        return None
    return DhcpMessage(
        type=kind,
        transaction=xid,
        mac=chaddr[:6],
        broadcast=bool(flags & _BROADCAST_FLAG),
        client=IPv4Address(ciaddr),
        relay=IPv4Address(giaddr),
        options=options,
    )


def _options_untrusted(data: bytes) -> dict[int, bytes]:
    """Return the options; one that is cut off, and what follows it, is not there."""
    options: dict[int, bytes] = {}
    at = 0
    while at < len(data) and data[at] != _END:
        if data[at] == _PAD:
            at += 1
            continue
        if at + 2 > len(data) or at + 2 + data[at + 1] > len(data):
            break
        code, end = data[at], at + 2 + data[at + 1]
        options[code] = options.get(code, b"") + data[at + 2 : end]
        at = end
    return options


def build_reply(message: DhcpMessage) -> bytes:
    """Return the bytes of a server's message."""
    fixed = _FIXED.pack(
        2,
        _ETHERNET,
        6,
        0,
        message.transaction,
        0,
        _BROADCAST_FLAG if message.broadcast else 0,
        message.client.packed,
        message.yours.packed,
        ANY.packed,
        message.relay.packed,
        message.mac,
        b"",
        b"",
    )
    options = {Option.TYPE: bytes([message.type]), **message.options}
    encoded = b"".join(bytes([code, len(value)]) + value for code, value in options.items())
    return (fixed + _COOKIE + encoded + bytes([_END])).ljust(_SHORTEST, b"\0")
