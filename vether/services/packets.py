"""UDP over IPv4 over Ethernet: read one datagram from a frame, write one into a frame (RFC 768, RFC 791)."""

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address

BROADCAST_MAC = b"\xff" * 6

_ETHERNET = struct.Struct("!6s6sH")
_IPV4 = struct.Struct("!BBHHHBBH4s4s")
_UDP = struct.Struct("!HHHH")
_ETHERTYPE_IPV4 = 0x0800
_PROTOCOL_UDP = 17
_FRAGMENT = 0x3FFF
_DONT_FRAGMENT = 0x4000


@dataclass(frozen=True)
class Datagram:
    """A UDP datagram with the addresses around it. MAC addresses are 6 bytes."""

    source_mac: bytes
    destination_mac: bytes
    source: IPv4Address
    destination: IPv4Address
    source_port: int
    destination_port: int
    payload: bytes

    def reply(self, payload: bytes) -> "Datagram":
        """Return the datagram that carries `payload` back to where this one came from."""
        return Datagram(
            source_mac=self.destination_mac,
            destination_mac=self.source_mac,
            source=self.destination,
            destination=self.source,
            source_port=self.destination_port,
            destination_port=self.source_port,
            payload=payload,
        )


def parse_untrusted(frame: bytes) -> Datagram | None:
    """Return the datagram in `frame`; None if there is no whole one or its checksum is wrong."""
    if len(frame) < _ETHERNET.size + _IPV4.size + _UDP.size:
        return None
    destination_mac, source_mac, ethertype = _ETHERNET.unpack_from(frame)
    packet = frame[_ETHERNET.size :]
    first, _tos, total, _id, fragment, _ttl, protocol, _sum, source, destination = _IPV4.unpack_from(packet)
    header = (first & 15) * 4
    if ethertype != _ETHERTYPE_IPV4 or first >> 4 != 4 or protocol != _PROTOCOL_UDP or fragment & _FRAGMENT:
        return None
    if header < _IPV4.size or not header + _UDP.size <= total <= len(packet):
        return None
    source_port, destination_port, length, checksum = _UDP.unpack_from(packet, header)
    if not _UDP.size <= length <= total - header:
        return None
    segment = packet[header : header + length]
    if checksum and _checksum(_pseudo_header(source, destination, length) + segment):
        return None
    return Datagram(
        source_mac=source_mac,
        destination_mac=destination_mac,
        source=IPv4Address(source),
        destination=IPv4Address(destination),
        source_port=source_port,
        destination_port=destination_port,
        payload=segment[_UDP.size :],
    )


def build(datagram: Datagram) -> bytes:
    """Return the frame that carries `datagram`."""
    source, destination = datagram.source.packed, datagram.destination.packed
    length = _UDP.size + len(datagram.payload)
    ports = (datagram.source_port, datagram.destination_port)
    pseudo = _pseudo_header(source, destination, length)
    # A checksum of 0 would say that there is none, so it is sent as its other form.
    checksum = _checksum(pseudo + _UDP.pack(*ports, length, 0) + datagram.payload) or 0xFFFF
    fields = (0x45, 0, _IPV4.size + length, 0, _DONT_FRAGMENT, 64, _PROTOCOL_UDP)
    header_checksum = _checksum(_IPV4.pack(*fields, 0, source, destination))
    return b"".join(
        [
            _ETHERNET.pack(datagram.destination_mac, datagram.source_mac, _ETHERTYPE_IPV4),
            _IPV4.pack(*fields, header_checksum, source, destination),
            _UDP.pack(*ports, length, checksum),
            datagram.payload,
        ]
    )


def _pseudo_header(source: bytes, destination: bytes, length: int) -> bytes:
    return source + destination + struct.pack("!HH", _PROTOCOL_UDP, length)


def _checksum(data: bytes) -> int:
    """Return the Internet checksum of `data` (RFC 1071); 0 for data that contains its right checksum."""
    if len(data) % 2:
        data += b"\0"
    # 2**16 is 1 modulo 0xffff, so the number that all words make together leaves the rest that their sum leaves.
    rest = int.from_bytes(data, "big") % 0xFFFF
    if rest == 0 and any(data):
        rest = 0xFFFF
    return rest ^ 0xFFFF
