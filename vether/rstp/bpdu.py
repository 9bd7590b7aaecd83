"""Bridge protocol data units: bytes to fields and back (IEEE 802.1D-2004, clause 9), and the frames around them."""

import enum
import struct
from dataclasses import dataclass

#: Bridge Group Address (table 7-10): what BPDUs are sent to, and no bridge forwards.
GROUP_ADDRESS = bytes.fromhex("0180c2000000")

_LLC = b"\x42\x42\x03"
_HEADER = struct.Struct("!HBB")
_BODY = struct.Struct("!BQIQHHHHH")
#: Times are sent in units of 1/256 s (9.2.8).
_UNITS = 256
_TCN_SIZE, _CONFIG_SIZE, _RST_SIZE = 4, 35, 36


class BpduType(enum.IntEnum):
    """BPDU Type (9.3.1 to 9.3.3)."""

    CONFIGURATION = 0x00
    RST = 0x02
    TCN = 0x80


class Flag(enum.IntFlag):
    """Bits of the flags octet (9.3.1, 9.3.3); the port role is in bits 3 and 4."""

    TOPOLOGY_CHANGE = 0x01
    PROPOSAL = 0x02
    LEARNING = 0x10
    FORWARDING = 0x20
    AGREEMENT = 0x40
    TOPOLOGY_CHANGE_ACK = 0x80


_NO_FLAGS = Flag(0)


class EncodedRole(enum.IntEnum):
    """Port Role values (9.2.9)."""

    UNKNOWN = 0
    ALTERNATE_BACKUP = 1
    ROOT = 2
    DESIGNATED = 3


class BpduError(ValueError):
    """Bytes that are no valid BPDU. The first argument is a stable name for counters."""


@dataclass(frozen=True, slots=True)
class Bpdu:
    """The fields of a BPDU; a TCN has only its type. Identifiers are integers of 64 and 16 bits, times seconds."""

    type: BpduType
    flags: Flag = _NO_FLAGS
    role: EncodedRole = EncodedRole.UNKNOWN
    root_id: int = 0
    root_path_cost: int = 0
    bridge_id: int = 0
    port_id: int = 0
    message_age: float = 0
    max_age: float = 0
    hello_time: float = 0
    forward_delay: float = 0

    def encode(self) -> bytes:
        """Return the bytes: 4, 35 or 36 of them."""
        version = 2 if self.type is BpduType.RST else 0
        header = _HEADER.pack(0, version, self.type)
        if self.type is BpduType.TCN:
            return header
        times = (self.message_age, self.max_age, self.hello_time, self.forward_delay)
        flags = int(self.flags) | (self.role << 2 if self.type is BpduType.RST else 0)
        identity = (self.root_id, self.root_path_cost, self.bridge_id, self.port_id)
        body = _BODY.pack(flags, *identity, *(min(round(time * _UNITS), 0xFFFF) for time in times))
        return header + body + (b"\0" if self.type is BpduType.RST else b"")


def decode_untrusted(data: bytes) -> Bpdu:
    """Return the BPDU in `data`, validated as 9.3.4 has it except for what only the receiver knows.

    Raises `BpduError` with `bpdu-short`, `bpdu-protocol`, `bpdu-type`, `bpdu-version` or `bpdu-age`. Octets beyond a
    BPDU's own are ignored, and so are versions above 2: both are how later versions extend it. An RST BPDU of unknown
    role is a Configuration BPDU (9.2.9).
    """
    if len(data) < _TCN_SIZE:
        raise BpduError("bpdu-short")
    protocol, version, number = _HEADER.unpack_from(data)
    if protocol != 0:
        raise BpduError("bpdu-protocol")
    try:
        kind = BpduType(number)
    except ValueError:
        raise BpduError("bpdu-type") from None
    if kind is BpduType.TCN:
        return Bpdu(kind)
    if len(data) < (_RST_SIZE if kind is BpduType.RST else _CONFIG_SIZE):
        raise BpduError("bpdu-short")
    if kind is BpduType.RST and version < 2:
        raise BpduError("bpdu-version")
    bits, root, cost, bridge, port, age, max_age, hello, delay = _BODY.unpack_from(data, _HEADER.size)
    role = EncodedRole(bits >> 2 & 3) if kind is BpduType.RST else EncodedRole.UNKNOWN
    flags = Flag(bits & ~0x0C)
    if role is EncodedRole.UNKNOWN:
        kind = BpduType.CONFIGURATION
        flags &= Flag.TOPOLOGY_CHANGE | Flag.TOPOLOGY_CHANGE_ACK
        if age >= max_age:
            raise BpduError("bpdu-age")
    times = (age / _UNITS, max_age / _UNITS, hello / _UNITS, delay / _UNITS)
    return Bpdu(kind, flags, role, root, cost, bridge, port, *times)


def frame(source: bytes, bpdu: bytes) -> bytes:
    """Return the Ethernet frame with `bpdu`, from the MAC address `source`, padded to 60 octets (7.12.3)."""
    payload = _LLC + bpdu
    return (GROUP_ADDRESS + source + len(payload).to_bytes(2, "big") + payload).ljust(60, b"\0")


def unframe_untrusted(data: bytes) -> bytes:
    """Return the octets of the BPDU in an Ethernet frame. Raises `BpduError` (`bpdu-frame`) if there is none."""
    length = int.from_bytes(data[12:14], "big")
    if len(data) < 14 or data[:6] != GROUP_ADDRESS or not len(_LLC) <= length <= len(data) - 14:
        raise BpduError("bpdu-frame")
    if data[14:17] != _LLC:
        raise BpduError("bpdu-frame")
    return data[17 : 14 + length]
