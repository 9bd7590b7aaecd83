"""A running switch forwards as its specification says, and otherwise once that changes."""

import contextlib
import select
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.vether.lab import until
from tests.vether.peers import Vde
from vether.config import convert_untrusted
from vether.folder import Folder
from vether.network import Network
from vkd._native import Link, Switch

ALL = b"\xff" * 6
STP = bytes.fromhex("0180c2000000")


class Lab:
    """A network and one guest at each port."""

    def __init__(self, folder: Path, names: str) -> None:
        self.names = names
        (folder / "ports").mkdir()
        self.network = Network(Folder(folder), self.spec())
        self.guests = {}
        for name in names:
            guest = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            guest.settimeout(5)
            guest.connect(str(folder / "ports" / name))
            self.guests[name] = guest

    def spec(self, common: dict[str, Any] | None = None, **ports: dict[str, Any]) -> Any:
        rows = [{"name": name, **ports.get(name, {})} for name in self.names]
        return convert_untrusted({"name": "lan", "gateway": False, "ports": rows, **(common or {})})

    def apply(self, common: dict[str, Any] | None = None, **ports: dict[str, Any]) -> list[str]:
        return self.network.apply(self.spec(common, **ports))

    def reached(self, sender: str, destination: bytes = ALL, source: int = 1) -> dict[str, bytes]:
        """Send a frame; returns what arrives at which port until all is quiet."""
        frame = destination + bytes([2, 0, 0, 0, 0, source]) + b"\x88\xb5payload"
        self.guests[sender].send(bytes(12) + frame)
        got = {}
        others = {guest: name for name, guest in self.guests.items()}
        while ready := select.select(list(others), [], [], 0.2)[0]:
            for guest in ready:
                got[others[guest]] = guest.recv(2000)[12:]
        return got

    def close(self) -> None:
        self.network.close()
        for guest in self.guests.values():
            guest.close()


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with contextlib.closing(Lab(tmp_path, "abcd")) as lab:
        yield lab


def test_vlans_keep_ports_apart_from_the_moment_they_are_said(lab: Lab) -> None:
    assert set(lab.reached("a")) == {"b", "c", "d"}
    access = {"vlan": {"access": 10}}
    assert lab.apply(a=access, b=access, c={"vlan": {"allowed": [10]}}) == [f"port {name}: changed" for name in "abc"]
    got = lab.reached("a")
    assert set(got) == {"b", "c", "d"}
    assert (got["b"][12:14], got["c"][12:16], got["d"][12:16]) == (b"\x88\xb5", b"\x81\0\0\x0a", b"\x81\0\0\x0a")
    assert set(lab.reached("d")) == set(), "untagged, and in no VLAN"
    assert {row["vlan"] for row in lab.network.show("fdb")} == {0, 10}
    assert lab.network.show("vlans") == [{"vlan": 10, "untagged": "a, b", "tagged": "c", "transparent": "d"}]


def test_wires_mirrors_and_isolation_come_and_go(lab: Lab) -> None:
    assert "wire a - b: added" in lab.apply(a={"wire": "b"}, c={"mirror": {"to": "d", "egress": False}})
    assert set(lab.reached("a")) == {"b"}
    assert set(lab.reached("c")) == {"d"}
    changed = lab.apply(a={"isolated": True}, b={"isolated": True})
    assert "wire a - b: removed" in changed
    assert "mirror of c at d: removed" in changed
    assert set(lab.reached("a")) == {"c", "d"}
    assert lab.apply(a={"isolated": True}, b={"isolated": True}) == []


def test_a_fixed_address_is_where_it_was_fixed_until_it_is_not(lab: Lab) -> None:
    mac = bytes([2, 0, 0, 0, 0, 7])
    fixed = {"static": [{"mac": mac.hex(":")}]}
    assert f"address {mac.hex(':')}: fixed to b" in lab.apply(b=fixed)
    assert set(lab.reached("a", mac)) == {"b"}
    lab.apply(c=fixed)
    assert set(lab.reached("a", mac)) == {"c"}
    lab.apply()
    assert set(lab.reached("a", mac)) == {"b", "c", "d"}


def test_limits_are_counted(lab: Lab) -> None:
    lab.apply(a={"mac_limit": 1, "storm": {"broadcast": 2}})
    assert set(lab.reached("a")) == {"b", "c", "d"}
    assert lab.reached("a", source=2) == {}
    lab.network.switch.set_ageing(300)
    drops = lab.network.show("stats")["ports"]["a"]["drops"]
    assert (drops["mac-limit"], drops["storm-broadcast"]) == (1, 0)


def test_the_control_plane_is_a_peer(lab: Lab) -> None:
    switch = lab.network.switch
    lab.apply(a={"reserved": "peer"})
    switch.set_state("a", "discarding")
    assert lab.reached("a", STP) == {}
    assert select.select([switch.punt_fd()], [], [], 5)[0]
    [(port, reason, frame)] = switch.take()
    assert (port, reason, frame[:6]) == ("a", "reserved", STP)
    switch.send("a", frame)
    assert lab.guests["a"].recv(2000) == bytes(12) + frame
    with pytest.raises(ValueError, match="neither"):
        switch.set_state("a", "asleep")
    with pytest.raises(KeyError):
        switch.send("x", b"")
    with pytest.raises(KeyError):
        switch.set_wires([("a", "x")])
    with pytest.raises(KeyError):
        switch.set_state("x", "learning")


def test_groups_go_where_they_are_wanted(lab: Lab) -> None:
    group = bytes.fromhex("01005e010203")
    lab.apply({"snooping": "prune"}, d={"router": "never"})
    query = bytes.fromhex("4600002000000000010200000a000001e0000001940400001164ee9b00000000")
    for name, packet in (("a", query), ("b", query[:24] + bytes.fromhex("1600f8faef010203"))):
        lab.guests[name].send(
            bytes(12) + bytes.fromhex("01005e000001") + bytes([2, 0, 0, 0, 0, 9]) + b"\x08\0" + packet
        )
        while select.select(list(lab.guests.values()), [], [], 0.2)[0]:
            for guest in select.select(list(lab.guests.values()), [], [], 0)[0]:
                guest.recv(2000)
    rows = [(row["group"], row["port"]) for row in lab.network.show("groups")]
    assert sorted(rows, key=str) == [(group.hex(":"), "b"), (None, "a")]
    assert set(lab.reached("c", group)) == {"a", "b"}
    lab.apply()
    assert lab.network.show("groups") == []
    assert set(lab.reached("c", group)) == {"a", "b", "d"}


def test_no_descriptor_is_left(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    Lab(tmp_path, "ab").close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize(
    ("common", "ports", "state"),
    [
        ({}, {}, "forwarding"),
        ({"stp": {}}, {}, "discarding"),
        ({"stp": {}}, {"a": {"reserved": "drop"}}, "forwarding"),
        ({"stp": {}}, {"a": {"wire": "b"}}, "forwarding"),
        ({}, {"a": {"wire": "b"}}, "forwarding"),
    ],
)
def test_a_port_meets_nobody_before_a_spanning_tree_has_looked_at_it(
    tmp_path: Path, common: dict[str, Any], ports: dict[str, dict[str, Any]], state: str
) -> None:
    with contextlib.closing(Lab(tmp_path, "")) as lab:
        lab.names = "ab"
        lab.apply(common, **ports)
        assert {port["name"]: port["state"] for port in lab.network.switch.ports()}["a"] == state


def test_what_a_listener_makes_begins_in_its_state(tmp_path: Path) -> None:
    switch = Switch()
    switch.add_port("v", Link.vde(tmp_path / "v"), state="discarding")
    with contextlib.closing(Vde(tmp_path / "v", str(tmp_path / "client").encode())):
        until("port", lambda: len(switch.ports()) == 2)
        assert [port["state"] for port in switch.ports()] == ["discarding", "discarding"]
    switch.set_state("v", "forwarding")
    with contextlib.closing(Vde(tmp_path / "v", str(tmp_path / "other").encode())):
        until("port", lambda: [port["state"] for port in switch.ports()] == ["forwarding", "forwarding"])
    switch.close()


def test_what_neighbours_say_reaches_one_who_reads_slowly(lab: Lab) -> None:
    data = ALL + bytes([2, 0, 0, 0, 0, 1]) + b"\x88\xb5" + bytes(1400)
    drops = 0
    while not drops:
        for _ in range(100):
            lab.guests["a"].send(bytes(12) + data)
            lab.guests["c"].recv(2000)
            lab.guests["d"].recv(2000)
        drops = next(port for port in lab.network.switch.ports() if port["name"] == "b")["drops"]["queue-full"]
    hello = STP + bytes([2, 0, 0, 0, 0, 9]) + b"\x00\x26BPDU".ljust(46, b"\0")
    for _ in range(10):
        lab.network.switch.send("b", hello)
    got = 0
    while select.select([lab.guests["b"]], [], [], 0.5)[0]:
        got += lab.guests["b"].recv(2000)[12:] == hello
    assert got == 10
