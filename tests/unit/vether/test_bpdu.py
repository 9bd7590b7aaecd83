"""BPDUs: known bytes, validation, and whatever bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.l2 import STP, Dot3

from vether.rstp.bpdu import Bpdu, BpduError, BpduType, EncodedRole, Flag, decode_untrusted, frame, unframe_untrusted

#: A proposal as a hardware switch sends it.
RST = bytes.fromhex("000002020e8000001f6d88e2d0000000008000001f6d88e2d080010000140002000f0000")

times = st.integers(0, 0xFFFF).map(lambda units: units / 256)
bpdus = st.builds(
    Bpdu,
    type=st.just(BpduType.RST),
    flags=st.sampled_from(Flag),  # hypothesis combines flags
    role=st.sampled_from([role for role in EncodedRole if role]),
    root_id=st.integers(0, 2**64 - 1),
    root_path_cost=st.integers(0, 2**32 - 1),
    bridge_id=st.integers(0, 2**64 - 1),
    port_id=st.integers(0, 2**16 - 1),
    message_age=times,
    max_age=times,
    hello_time=times,
    forward_delay=times,
)


def test_known_bytes() -> None:
    bpdu = decode_untrusted(RST)
    assert bpdu.type is BpduType.RST
    assert bpdu.role is EncodedRole.DESIGNATED
    assert bpdu.flags == Flag.PROPOSAL
    assert bpdu.root_id == bpdu.bridge_id == 0x8000001F6D88E2D0
    assert bpdu.port_id == 0x8001
    assert (bpdu.message_age, bpdu.max_age, bpdu.hello_time, bpdu.forward_delay) == (0, 20, 2, 15)
    assert bpdu.encode() == RST


def test_scapy_reads_a_frame_of_ours() -> None:
    sent = Bpdu(BpduType.CONFIGURATION, Flag.TOPOLOGY_CHANGE, root_id=0x8000020000000001, bridge_id=1 << 60, max_age=20)
    read = Dot3(frame(b"\x02" + bytes(5), sent.encode()))
    assert len(bytes(read)) == 60
    assert read.dst == "01:80:c2:00:00:00"
    assert (read[STP].rootid, read[STP].rootmac, read[STP].maxage) == (0x8000, "02:00:00:00:00:01", 20)
    assert decode_untrusted(unframe_untrusted(bytes(read))) == sent


@given(bpdus)
def test_what_is_encoded_is_decoded(bpdu: Bpdu) -> None:
    assert decode_untrusted(bpdu.encode()) == bpdu


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "bpdu-short"),
        (b"\0\0\0", "bpdu-short"),
        (RST[:35], "bpdu-short"),
        (bytes(34), "bpdu-short"),
        (b"\0\1" + RST[2:], "bpdu-protocol"),
        (b"\0\0\2\3" + RST[4:], "bpdu-type"),
        (b"\0\0\0\2" + RST[4:], "bpdu-version"),
        (bytes(35), "bpdu-age"),
        (b"\0\0\0\0" + RST[4:27] + b"\x14\0" + RST[29:], "bpdu-age"),
        # Unknown role: a Configuration BPDU, with its checks.
        (RST[:4] + b"\2" + RST[5:27] + b"\x14\0" + RST[29:], "bpdu-age"),
    ],
)
def test_invalid_ones_are_refused(data: bytes, reason: str) -> None:
    with pytest.raises(BpduError, match=reason):
        decode_untrusted(data)


def test_later_versions_and_longer_ones_are_read() -> None:
    mstp = b"\0\0\3\2" + RST[4:] + bytes(60)
    assert decode_untrusted(mstp) == decode_untrusted(RST)
    assert decode_untrusted(b"\0\0\0\x80" + bytes(42)) == Bpdu(BpduType.TCN)


def test_unknown_role_is_a_configuration() -> None:
    bpdu = decode_untrusted(RST[:4] + b"\x72" + RST[5:])
    assert bpdu.type is BpduType.CONFIGURATION
    assert bpdu.flags == Flag(0)


@given(st.binary(max_size=80))
def test_any_bytes(data: bytes) -> None:
    try:
        bpdu = decode_untrusted(data)
    except BpduError:
        return
    assert decode_untrusted(bpdu.encode()) == bpdu


@given(st.binary(max_size=80), st.booleans())
def test_any_frame(data: bytes, headed: bool) -> None:
    data = (frame(bytes(6), b"") if headed else b"")[:12] + data
    try:
        inner = unframe_untrusted(data)
    except BpduError:
        return
    assert inner in data
