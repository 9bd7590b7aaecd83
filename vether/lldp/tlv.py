"""Type, length, value: the parts of an LLDPDU (IEEE 802.1AB-2016, 8.4)."""

import enum
import struct
from collections.abc import Iterator

_LONGEST = 511
_HEADER = struct.Struct("!H")


class TlvType(enum.IntEnum):
    """Types (table 8-1)."""

    END = 0
    CHASSIS_ID = 1
    PORT_ID = 2
    TTL = 3
    PORT_DESCRIPTION = 4
    SYSTEM_NAME = 5
    SYSTEM_DESCRIPTION = 6
    CAPABILITIES = 7
    MANAGEMENT_ADDRESS = 8
    ORGANIZATION = 127


class LldpError(ValueError):
    """Bytes that are no valid LLDPDU. The first argument is a stable name for counters."""


def encode(kind: int, value: bytes) -> bytes:
    """Return one TLV; of the value what fits, 511 octets."""
    value = value[:_LONGEST]
    return _HEADER.pack(kind << 9 | len(value)) + value


def split_untrusted(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield type and value of each TLV up to the end TLV or the last octet. `LldpError` if one is cut off."""
    at = 0
    while at < len(data):
        if at + _HEADER.size > len(data):
            raise LldpError("lldp-cut")
        (head,) = _HEADER.unpack_from(data, at)
        kind, length = head >> 9, head & _LONGEST
        at += _HEADER.size
        if at + length > len(data):
            raise LldpError("lldp-cut")
        if kind == TlvType.END:
            if length:
                raise LldpError("lldp-end")
            return
        yield kind, data[at : at + length]
        at += length
