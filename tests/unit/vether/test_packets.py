"""UDP datagrams in frames: any bytes, round trips, and scapy's word for the checksums."""

from ipaddress import IPv4Address

from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from vether.services.packets import Datagram, build, parse_untrusted

macs = st.binary(min_size=6, max_size=6)
addresses = st.integers(0, 2**32 - 1).map(IPv4Address)
numbers = st.integers(0, 65535)
datagrams = st.builds(Datagram, macs, macs, addresses, addresses, numbers, numbers, st.binary(max_size=1500))


@given(datagrams)
def test_what_is_built_is_read_again(datagram: Datagram) -> None:
    assert parse_untrusted(build(datagram)) == datagram
    assert parse_untrusted(build(datagram) + bytes(20)) == datagram, "padding is no payload"


@given(datagrams)
def test_scapy_agrees(datagram: Datagram) -> None:
    frame = build(datagram)
    packet = Ether(frame)
    del packet[IP].chksum, packet[IP].payload.chksum
    assert bytes(packet) == frame
    assert packet[IP].payload.name == UDP.__name__


@given(st.binary(max_size=100))
def test_any_bytes_are_read_or_refused(frame: bytes) -> None:
    parse_untrusted(frame)
    parse_untrusted(frame[:12] + b"\x08\x00\x45" + frame[15:])


@given(datagrams, st.data())
def test_a_flipped_bit_is_seen_or_leaves_the_payload(datagram: Datagram, data: st.DataObject) -> None:
    frame = bytearray(build(datagram))
    at = data.draw(st.integers(34, len(frame) - 1))
    frame[at] ^= 1 << data.draw(st.integers(0, 7))
    got = parse_untrusted(bytes(frame))
    # A checksum made 0 says that there is none; all else is seen.
    assert got is None or bytes(frame[40:42]) == b"\0\0"


def test_fragments_and_other_protocols_are_not_datagrams() -> None:
    frame = build(Datagram(b"\2" * 6, b"\4" * 6, IPv4Address(1), IPv4Address(2), 1, 2, b"x"))
    for at, value in ((20, 0x20), (23, 6), (14, 0x44), (14, 0x65), (13, 6), (17, 255)):
        wrong = bytearray(frame)
        wrong[at] = value
        assert parse_untrusted(bytes(wrong)) is None, at
