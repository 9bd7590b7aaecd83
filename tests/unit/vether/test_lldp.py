"""LLDP: known bytes, wrong ones, whatever bytes; what is said when, and what is remembered for how long."""

import dataclasses
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.contrib import lldp
from scapy.layers.l2 import Ether

from vether.lldp import Agent, Changed, Lldpdu, LldpError, LocalSystem, Send
from vether.lldp.lldpdu import decode_untrusted
from vether.lldp.tlv import encode

OURS, THEIRS = bytes([2, 0, 0, 0, 0, 9]), bytes([2, 0, 0, 0, 0, 1])
MANDATORY = encode(1, b"\4" + THEIRS) + encode(2, b"\5eth0") + encode(3, b"\0\x78")


def agent(**more: Any) -> Agent:
    made = Agent(LocalSystem(address=OURS, name="sw", description="a switch", management=("10.0.0.1",), **more))
    made.add_port("a")
    return made


def frame(data: bytes, source: bytes = THEIRS) -> bytes:
    return bytes.fromhex("0180c200000e") + source + b"\x88\xcc" + data


def hello(number: int = 1, ttl: int = 10, **more: Any) -> bytes:
    return frame(Lldpdu((4, THEIRS), (5, b"p%d" % number), ttl, **more).encode())


def run(made: Agent, begin: int, end: int) -> list[tuple[int, Any]]:
    return [(now, output) for now in range(begin, end) for output in made.tick(now)]


def sent(outputs: list[tuple[int, Any]]) -> list[int]:
    return [now for now, output in outputs if isinstance(output, Send)]


def test_scapy_reads_what_we_say() -> None:
    (output,) = agent().port_up("a")
    assert isinstance(output, Send)
    read = Ether(output.frame)
    assert read.dst == "01:80:c2:00:00:0e"
    assert read[lldp.LLDPDUChassisID].id == "02:00:00:00:00:09"
    assert read[lldp.LLDPDUPortID].id == b"a"
    assert read[lldp.LLDPDUTimeToLive].ttl == 121
    assert read[lldp.LLDPDUSystemName].system_name == b"sw"
    assert read[lldp.LLDPDUSystemCapabilities].mac_bridge_enabled == 1
    assert read[lldp.LLDPDUManagementAddress].management_address == bytes([10, 0, 0, 1])
    assert read.haslayer(lldp.LLDPDUEndOfLLDPDU)


def test_what_scapy_says_is_read() -> None:
    said = (
        lldp.LLDPDUChassisID(subtype=5, family=1, id="192.0.2.1")
        / lldp.LLDPDUPortID(subtype=7, id="slot 3")
        / lldp.LLDPDUTimeToLive(ttl=20)
        / lldp.LLDPDUSystemName(system_name="switch\x1b[31m")
        / lldp.LLDPDUGenericOrganisationSpecific(org_code=0x120F, subtype=1, data=b"\3")
        / lldp.LLDPDUEndOfLLDPDU()
    )
    made = agent()
    made.port_up("a")
    made.receive("a", bytes(Ether(dst="01:80:c2:00:00:0e", src=THEIRS.hex(":"), type=0x88CC) / said))
    (row,) = made.show()
    assert (row["chassis"], row["neighbour_port"], row["ttl"]) == ("192.0.2.1", "slot 3", 20)
    assert row["system"] == "switch\N{REPLACEMENT CHARACTER}[31m"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "lldp-mandatory"),
        (encode(2, b"\5eth0") + encode(1, b"\4" + THEIRS) + encode(3, b"\0\1"), "lldp-mandatory"),
        (encode(1, b"\4") + encode(2, b"\5eth0") + encode(3, b"\0\1"), "lldp-mandatory"),
        (encode(1, b"\4" + bytes(256)) + encode(2, b"\5eth0") + encode(3, b"\0\1"), "lldp-mandatory"),
        (MANDATORY[:-1], "lldp-cut"),
        (MANDATORY + b"\x0a", "lldp-cut"),
        (MANDATORY + encode(3, b"\0\1"), "lldp-repeated"),
        (MANDATORY + encode(0, b"x"), "lldp-end"),
    ],
)
def test_wrong_ones_are_refused_and_counted(data: bytes, reason: str) -> None:
    with pytest.raises(LldpError, match=reason):
        decode_untrusted(data)
    made = agent()
    made.port_up("a")
    made.receive("a", frame(data))
    assert made.ports["a"].counters[reason] == 1
    assert made.show() == []


@pytest.mark.parametrize(
    "tlv",
    [encode(7, b"\0"), encode(8, b"\5\1\1"), encode(8, b""), encode(8, b"\4\1\1\1" + bytes(8)), encode(127, b"ou")],
)
def test_a_wrong_optional_one_is_ignored(tlv: bytes) -> None:
    pdu = decode_untrusted(MANDATORY + tlv + encode(5, b"name") + encode(9, b"?") + encode(0, b""))
    assert (pdu.system_name, pdu.discarded, pdu.unrecognized) == ("name", 1, 1)


text = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=20)
lldpdus = st.builds(
    Lldpdu,
    chassis=st.tuples(st.integers(0, 255), st.binary(min_size=1, max_size=255)),
    port=st.tuples(st.integers(0, 255), st.binary(min_size=1, max_size=255)),
    ttl=st.integers(1, 65535),
    port_description=st.none() | text,
    system_name=st.none() | text,
    system_description=st.none() | text,
    capabilities=st.none() | st.tuples(st.integers(0, 65535), st.integers(0, 65535)),
    management=st.lists(st.ip_addresses().map(str), max_size=3).map(tuple),
    organization=st.lists(
        st.tuples(st.binary(min_size=3, max_size=3), st.integers(0, 255), st.binary(max_size=507)), max_size=3
    ).map(tuple),
)


@given(lldpdus)
def test_what_is_encoded_is_decoded(pdu: Lldpdu) -> None:
    assert decode_untrusted(pdu.encode()) == pdu


@given(st.one_of(st.binary(max_size=200), st.binary(max_size=100).map(lambda data: MANDATORY + data)))
def test_any_bytes(data: bytes) -> None:
    try:
        decode_untrusted(data)
    except LldpError:
        return


@given(lldpdus, st.data())
def test_any_damage(pdu: Lldpdu, data: st.DataObject) -> None:
    raw = bytearray(pdu.encode())
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    made = agent()
    made.port_up("a")
    made.receive("a", frame(bytes(raw)))
    made.show()


def test_what_is_said_when() -> None:
    made = agent()
    assert len(made.port_up("a")) == 1
    assert sent(run(made, 1, 100)) == [30, 60, 90]


def test_a_new_neighbour_is_told_at_once_and_a_few_times() -> None:
    made = agent()
    made.port_up("a")
    run(made, 1, 10)
    out = made.receive("a", hello(ttl=1000))
    assert [type(output) for output in out] == [Changed, Send]
    assert sent(run(made, 10, 50)) == [10, 11, 12, 42]
    assert made.receive("a", hello(ttl=1000)) == []


def test_no_more_is_sent_than_there_is_credit() -> None:
    made = agent(neighbours=1000)
    made.port_up("a")
    out = [output for number in range(100) for output in made.receive("a", hello(number, ttl=1000))]
    assert sum(isinstance(output, Send) for output in out) == 4
    made.receive("a", hello(1000))
    assert len(sent(run(made, 1, 3))) == 2


def test_a_change_here_is_told() -> None:
    made = agent()
    made.port_up("a")
    out = made.set_local(dataclasses.replace(made.local, name="other"))
    assert [b"other" in output.frame for output in out if isinstance(output, Send)] == [True]


def test_a_neighbour_is_forgotten_when_its_time_is_over() -> None:
    made = agent()
    made.port_up("a")
    made.receive("a", hello(ttl=10))
    run(made, 1, 5)
    made.receive("a", hello(ttl=10))
    assert made.show()[0]["ttl"] == 10
    run(made, 5, 14)
    assert len(made.show()) == 1
    out = run(made, 14, 15)
    assert [output.what for _, output in out if isinstance(output, Changed)] == ["removed"]
    assert made.show() == []


def test_a_neighbour_without_a_link_is_forgotten_in_time() -> None:
    made = agent()
    made.port_up("a")
    made.receive("a", hello(ttl=10))
    made.port_down("a")
    run(made, 1, 11)
    assert made.show() == []
    assert made.receive("a", hello()) == []


def test_a_goodbye_is_heeded_and_said() -> None:
    made = agent()
    made.port_up("a")
    made.receive("a", hello(1))
    made.receive("a", hello(2))
    (gone,) = [output for output in made.receive("a", hello(1, ttl=0)) if isinstance(output, Changed)]
    assert (gone.what, gone.pdu.port) == ("removed", (5, b"p1"))
    assert [row["neighbour_port"] for row in made.show()] == ["p2"]
    (output,) = made.remove_port("a")
    assert isinstance(output, Send)
    assert decode_untrusted(output.frame[14:]).ttl == 0


def test_a_change_there_is_told() -> None:
    made = agent()
    made.port_up("a")
    made.receive("a", hello(system_name="old"))
    out = made.receive("a", hello(system_name="new"))
    assert [output.what for output in out if isinstance(output, Changed)] == ["changed"]
    assert made.show()[0]["system"] == "new"


def test_too_many_neighbours_are_counted() -> None:
    made = agent(neighbours=3)
    made.port_up("a")
    for number in range(10):
        made.receive("a", hello(number))
    assert len(made.show()) == 3
    assert made.ports["a"].counters["too-many-neighbours"] == 7
    made.receive("a", hello(0, system_name="known"))
    assert made.show()[0]["system"] == "known"


def test_own_and_foreign_frames_are_counted() -> None:
    made = agent()
    made.port_up("a")
    made.receive("a", frame(MANDATORY, OURS))
    made.receive("a", frame(MANDATORY)[:12] + b"\x88\xcd" + MANDATORY)
    assert made.ports["a"].counters == {"tx": 1, "lldp-own": 1, "lldp-frame": 1}


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["up", "down", "tick", "hello", "raw"]), st.binary(max_size=40)), max_size=60)
)
def test_any_events(events: list[tuple[str, bytes]]) -> None:
    made = agent()
    for what, data in events:
        match what:
            case "up":
                made.port_up("a")
            case "down":
                made.port_down("a")
            case "tick":
                made.tick(made.next_tick)
            case "hello":
                made.receive("a", hello(len(data), ttl=len(data) // 2))
            case _:
                made.receive("a", data)
        assert all(row["ttl"] > 0 for row in made.show())
        assert len(made.show()) <= made.local.neighbours
