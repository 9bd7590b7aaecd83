"""LLDPDUs: bytes to fields and back (IEEE 802.1AB-2016, clause 8; what is refused: 9.2.8.7)."""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from vether.lldp.tlv import LldpError, TlvType, encode, split_untrusted

#: The group address that no bridge forwards (table 7-1), and the EtherType (table 7-2).
NEAREST_BRIDGE = bytes.fromhex("0180c200000e")
ETHERTYPE = b"\x88\xcc"

#: Subtypes of chassis and port identifiers whose value is a MAC or a network address (tables 8-2 and 8-3).
CHASSIS_MAC, CHASSIS_NETWORK, CHASSIS_LOCAL = 4, 5, 7
PORT_MAC, PORT_NETWORK, PORT_NAME = 3, 4, 5

#: System capabilities (table 8-4), from bit 0.
CAPABILITIES = (
    "other",
    "repeater",
    "bridge",
    "wlan",
    "router",
    "telephone",
    "docsis",
    "station",
    "c-vlan",
    "s-vlan",
    "two-port-relay",
)

_MANDATORY = (TlvType.CHASSIS_ID, TlvType.PORT_ID, TlvType.TTL)
_FAMILIES = {1: ipaddress.IPv4Address, 2: ipaddress.IPv6Address}


@dataclass(frozen=True)
class Lldpdu:
    """What a neighbour says of itself. Identifiers are a subtype and its octets; `ttl` is seconds."""

    chassis: tuple[int, bytes]
    port: tuple[int, bytes]
    ttl: int
    port_description: str | None = None
    system_name: str | None = None
    system_description: str | None = None
    #: Bits of what it can be, and of what it is.
    capabilities: tuple[int, int] | None = None
    management: tuple[str, ...] = ()
    #: Organizationally specific TLVs: OUI, subtype, octets.
    organization: tuple[tuple[bytes, int, bytes], ...] = ()
    #: Optional TLVs that were of unknown types, and that were ignored because they are wrong.
    unrecognized: int = 0
    discarded: int = 0

    @property
    def identifier(self) -> tuple[tuple[int, bytes], tuple[int, bytes]]:
        """What tells neighbours apart (the MSAP identifier)."""
        return self.chassis, self.port

    def encode(self) -> bytes:
        """Return the LLDPDU. One whose `ttl` is 0 has nothing else in it (8.3)."""
        parts = [
            encode(TlvType.CHASSIS_ID, bytes([self.chassis[0]]) + self.chassis[1]),
            encode(TlvType.PORT_ID, bytes([self.port[0]]) + self.port[1]),
            encode(TlvType.TTL, self.ttl.to_bytes(2, "big")),
        ]
        if self.ttl:
            parts += self._optional()
        return b"".join(parts) + encode(TlvType.END, b"")

    def _optional(self) -> list[bytes]:
        texts = {
            TlvType.PORT_DESCRIPTION: self.port_description,
            TlvType.SYSTEM_NAME: self.system_name,
            TlvType.SYSTEM_DESCRIPTION: self.system_description,
        }
        parts = [encode(kind, text.encode()[:255]) for kind, text in texts.items() if text is not None]
        if self.capabilities is not None:
            parts.append(encode(TlvType.CAPABILITIES, b"".join(bits.to_bytes(2, "big") for bits in self.capabilities)))
        parts += [encode(TlvType.MANAGEMENT_ADDRESS, _encode_address(address)) for address in self.management]
        specific = ((oui + bytes([subtype]) + octets) for oui, subtype, octets in self.organization)
        return parts + [encode(TlvType.ORGANIZATION, value) for value in specific]


def decode_untrusted(data: bytes) -> Lldpdu:
    """Return the LLDPDU in `data` (what follows the EtherType).

    Raises `LldpError`: `lldp-cut`, `lldp-end`, `lldp-mandatory` (the first three are not what they must be),
    `lldp-repeated` (one of them is there again). An optional TLV that is wrong is counted in it and ignored.
    """
    tlvs = list(split_untrusted(data))
    if tuple(kind for kind, _ in tlvs[:3]) != _MANDATORY:
        raise LldpError("lldp-mandatory")
    chassis, port, ttl = (value for _, value in tlvs[:3])
    if not 2 <= len(chassis) <= 256 or not 2 <= len(port) <= 256 or len(ttl) < 2:
        raise LldpError("lldp-mandatory")
    if any(kind in _MANDATORY for kind, _ in tlvs[3:]):
        raise LldpError("lldp-repeated")
    pdu = Lldpdu((chassis[0], chassis[1:]), (port[0], port[1:]), int.from_bytes(ttl[:2], "big"))
    for kind, value in tlvs[3:] if pdu.ttl else ():
        reader = _READERS.get(kind)
        if reader is None:
            pdu = replace(pdu, unrecognized=pdu.unrecognized + 1)
            continue
        try:
            pdu = reader(pdu, value)
        except ValueError:
            pdu = replace(pdu, discarded=pdu.discarded + 1)
    return pdu


def describe_chassis(chassis: tuple[int, bytes]) -> str:
    """Return a chassis identifier for people."""
    return _describe(*chassis, CHASSIS_MAC, CHASSIS_NETWORK)


def describe_port(port: tuple[int, bytes]) -> str:
    """Return a port identifier for people."""
    return _describe(*port, PORT_MAC, PORT_NETWORK)


def describe_capabilities(bits: int) -> list[str]:
    """Return the names of the bits that are set."""
    return [name for i, name in enumerate(CAPABILITIES) if bits >> i & 1]


def _describe(subtype: int, value: bytes, mac: int, network: int) -> str:
    if subtype == mac and len(value) == 6:
        return value.hex(":")
    if subtype == network:
        try:
            return _decode_address(value)
        except ValueError:
            return value.hex()
    return _text(value)


def _text(value: bytes) -> str:
    """Return `value` with nothing but printable characters: what others send goes to terminals."""
    return "".join(
        char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in value.decode(errors="replace")
    )


def _encode_address(text: str) -> bytes:
    address = ipaddress.ip_address(text)
    value = bytes([1 if address.version == 4 else 2]) + address.packed
    # No interface number, no object identifier.
    return bytes([len(value)]) + value + b"\1" + bytes(4) + b"\0"


def _decode_address(value: bytes) -> str:
    family = _FAMILIES.get(value[0]) if value else None
    return str(family(value[1:])) if family is not None else value.hex()


def _once(name: str) -> Callable[[Lldpdu, bytes], Lldpdu]:
    def read(pdu: Lldpdu, value: bytes) -> Lldpdu:
        if getattr(pdu, name) is not None or len(value) > 255:
            raise ValueError(name)
        fields: dict[str, Any] = {name: _text(value)}
        return replace(pdu, **fields)

    return read


def _read_capabilities(pdu: Lldpdu, value: bytes) -> Lldpdu:
    if pdu.capabilities is not None or len(value) != 4:
        raise ValueError("capabilities")
    return replace(pdu, capabilities=(int.from_bytes(value[:2], "big"), int.from_bytes(value[2:], "big")))


def _read_management(pdu: Lldpdu, value: bytes) -> Lldpdu:
    length = value[0] if value else 0
    if not 2 <= length <= 32 or len(value) < 1 + length + 6:
        raise ValueError("management address")
    return replace(pdu, management=(*pdu.management, _decode_address(value[1 : 1 + length])))


def _read_organization(pdu: Lldpdu, value: bytes) -> Lldpdu:
    if len(value) < 4:
        raise ValueError("organization")
    return replace(pdu, organization=(*pdu.organization, (value[:3], value[3], value[4:])))


_READERS: dict[int, Callable[[Lldpdu, bytes], Lldpdu]] = {
    TlvType.PORT_DESCRIPTION: _once("port_description"),
    TlvType.SYSTEM_NAME: _once("system_name"),
    TlvType.SYSTEM_DESCRIPTION: _once("system_description"),
    TlvType.CAPABILITIES: _read_capabilities,
    TlvType.MANAGEMENT_ADDRESS: _read_management,
    TlvType.ORGANIZATION: _read_organization,
}
