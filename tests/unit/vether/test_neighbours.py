"""Spanning tree and LLDP on a datapath that is a list: ports come, go, and are opened anew."""

from pathlib import Path
from typing import Any

import pytest

from vether.config import convert_untrusted
from vether.errors import SpecError
from vether.lldp import NEAREST_BRIDGE
from vether.loop import PROBE_ADDRESS
from vether.neighbours.service import Neighbours
from vether.neighbours.spec import LldpSpec, LoopSpec, PortStpSpec, StpSpec, host_address
from vether.rstp import GROUP_ADDRESS

ADDRESS = bytes([2, 0, 0, 0, 0, 9])


class FakeDatapath:
    def __init__(self, **carriers: bool) -> None:
        self.carriers = carriers
        self.states: dict[str, str] = {}
        self.peers: dict[str, bool] = {}
        self.probes: dict[str, bool] = {}
        self.sent: list[tuple[str, bytes]] = []

    def ports(self) -> list[dict[str, Any]]:
        rows = [
            {
                "name": name,
                "kind": "vde" if name.startswith("v") else "guest",
                "carrier": carrier,
                "state": self.states.get(name, "forwarding"),
            }
            for name, carrier in self.carriers.items()
        ]
        return [*rows, {"name": "gateway", "kind": "gateway", "carrier": True}]

    def send(self, name: str, frame: bytes) -> None:
        self._check(name)
        self.sent.append((name, frame))

    def set_state(self, name: str, state: str) -> None:
        self._check(name)
        self.states[name] = state

    def set_peer(self, name: str, *, peer: bool) -> None:
        self._check(name)
        self.peers[name] = peer

    def set_probes(self, name: str, *, probes: bool) -> None:
        self._check(name)
        self.probes[name] = probes

    def flush(self, name: str | None = None) -> None:
        self._check(str(name))

    def _check(self, name: str) -> None:
        if name not in self.carriers:
            raise KeyError(name)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def service(datapath: FakeDatapath, clock: Clock | None = None) -> Neighbours:
    return Neighbours(datapath, "lan", ADDRESS, clock or Clock())


def test_nothing_is_done_where_nothing_is_asked_for() -> None:
    datapath = FakeDatapath(a=True)
    neighbours = service(datapath)
    neighbours.configure(None, None, {})
    neighbours.look()
    neighbours.tick()
    neighbours.receive_untrusted("a", GROUP_ADDRESS + bytes(50))
    neighbours.close()
    assert (datapath.states, datapath.peers, datapath.sent) == ({}, {}, [])
    assert neighbours.show_stp() is None


def test_ports_follow_the_datapath() -> None:
    datapath = FakeDatapath(a=True, b=False)
    neighbours = service(datapath)
    neighbours.configure(StpSpec(), None, {"a": PortStpSpec(edge="yes")})
    assert datapath.peers == {"a": True, "b": True}
    assert datapath.states == {"a": "forwarding", "b": "discarding"}
    del datapath.carriers["a"]
    datapath.carriers["b.1"] = True
    neighbours.look()
    shown = neighbours.show_stp()
    assert shown is not None
    assert [row["port"] for row in shown["ports"]] == ["b.1", "b"]
    datapath.carriers["b"] = True
    neighbours.configure(StpSpec(), None, {"b": PortStpSpec(path_cost=7)})
    shown = neighbours.show_stp()
    assert shown is not None
    assert {row["port"]: row["cost"] for row in shown["ports"]} == {"b": 7, "b.1": 7}


def test_a_port_that_is_opened_anew_is_taken_up_anew() -> None:
    datapath = FakeDatapath(a=True)
    neighbours = service(datapath)
    neighbours.configure(StpSpec(), None, {})
    datapath.states, datapath.peers = {"a": "forwarding"}, {}
    neighbours.forget("a")
    neighbours.look()
    assert (datapath.states, datapath.peers) == ({"a": "discarding"}, {"a": True})


def test_ports_are_open_again_when_the_tree_is_gone() -> None:
    datapath = FakeDatapath(a=True)
    neighbours = service(datapath)
    neighbours.configure(StpSpec(), LldpSpec(), {})
    neighbours.configure(None, LldpSpec(), {})
    assert (datapath.states, datapath.peers) == ({"a": "forwarding"}, {"a": True})
    neighbours.configure(None, None, {})
    assert datapath.peers == {"a": False}


def test_mute_ports_are_left_alone() -> None:
    datapath = FakeDatapath(a=True, b=True)
    neighbours = service(datapath)
    neighbours.configure(StpSpec(), None, {}, mute=frozenset({"b"}))
    assert (datapath.states, datapath.peers) == ({"a": "discarding"}, {"a": True})
    neighbours.configure(StpSpec(), None, {}, mute=frozenset({"a", "b"}), peers=frozenset({"a"}))
    assert datapath.states == {"a": "forwarding"}
    neighbours.configure(None, None, {}, peers=frozenset({"a"}))
    assert datapath.peers == {"a": True}


def test_lldp_begins_and_ends() -> None:
    datapath, clock = FakeDatapath(a=True), Clock()
    neighbours = service(datapath, clock)
    neighbours.configure(None, LldpSpec(name="sw", interval=5), {})
    for clock.now in (1.0, 2.0, 3.0, 4.0, 5.0):
        neighbours.tick()
    assert [frame[:6] for _, frame in datapath.sent] == [NEAREST_BRIDGE] * 2
    assert datapath.states == {}
    neighbours.receive_untrusted("a", NEAREST_BRIDGE + bytes(60))
    neighbours.receive_untrusted("gone", datapath.sent[0][1])
    neighbours.close()
    assert len(datapath.sent) == 3


def test_a_loop_closes_a_port() -> None:
    datapath, clock = FakeDatapath(a=True, b=True), Clock()
    neighbours = service(datapath, clock)
    neighbours.configure(None, None, {}, loops=LoopSpec(interval=1.0, hold=5.0))
    assert (datapath.peers, datapath.probes) == ({"a": False, "b": False}, {"a": True, "b": True})
    neighbours.tick()
    ((port, probe),) = datapath.sent
    assert port == "a"
    neighbours.receive_untrusted("b", probe)
    assert datapath.states == {"b": "discarding"}
    assert [row["reason"] for row in neighbours.show_loops()] == [
        None,
        "there is a loop with port a: a probe came back",
    ]
    clock.now = 6.0
    neighbours.tick()
    assert datapath.states == {"b": "forwarding"}
    neighbours.configure(None, None, {}, loops=LoopSpec(interval=2.0, hold=6.0))
    neighbours.configure(None, None, {})
    assert datapath.probes == {"a": False, "b": False}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"stp": {"priority": 5}}, "stp: priority: 5 is not between 0 and 61440 in steps of 4096"),
        ({"stp": {"max_age": 40}}, "stp: the times do not fit"),
        ({"stp": {"address": "ff:ff:ff:ff:ff:ff"}}, "stp.address"),
        ({"stp": {"guard_time": 0}}, "stp.guard_time"),
        ({"stp": {"prioritty": 0}}, "stp: no key 'prioritty'"),
        ({"loop": {"interval": 0}}, "loop.interval"),
        ({"loop": {"hold": 1}}, "loop.hold"),
        ({"loop": {}, "stp": {}}, "loop: a switch with stp"),
        ({"lldp": {"interval": 0}}, "lldp.interval"),
        ({"lldp": {"name": ""}}, "lldp.name"),
        ({"ports": [{"name": "a", "stp": {"path_cost": 0}}]}, "ports[0].stp: path cost: 0 is not between 1 and"),
        ({"ports": [{"name": "a", "stp": {"edge": True}}]}, "ports[0].stp.edge"),
    ],
)
def test_what_is_wrong_is_named(more: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError) as caught:
        convert_untrusted({"name": "lan", "gateway": False, **more})
    assert message in caught.value.message


def test_a_wrong_key_has_a_suggestion() -> None:
    with pytest.raises(SpecError) as caught:
        convert_untrusted({"name": "lan", "ports": [{"name": "a", "stp": {"path_cots": 0}}]})
    assert caught.value.hint == "did you mean 'path_cost'?"


def test_a_host_keeps_its_address() -> None:
    one, other = host_address(Path("/run/vether/one")), host_address(Path("/run/vether/other"))
    assert one == host_address(Path("/run/vether/one")) != other
    assert one[0] & 3 == 2


def test_roles_states_loops_and_neighbours_are_told() -> None:
    datapath, clock = FakeDatapath(a=True, b=True), Clock()
    told: list[tuple[str, dict[str, object]]] = []
    neighbours = Neighbours(datapath, "lan", ADDRESS, clock, lambda event, **fields: told.append((event, fields)))
    neighbours.configure(StpSpec(), LldpSpec(name="sw"), {"a": PortStpSpec(edge="yes"), "b": PortStpSpec(edge="yes")})
    assert ("stp-state", {"port": "a", "state": "forwarding"}) in told
    assert ("stp-role", {"port": "a", "role": "designated", "was": None}) in told
    told.clear()
    neighbours.tick()
    assert told == []
    del datapath.carriers["b"]
    neighbours.look()
    datapath.carriers["a"] = False
    neighbours.look()
    neighbours.tick()
    assert ("stp-role", {"port": "a", "role": "disabled", "was": "designated"}) in told
    assert not [fields for event, fields in told if event == "stp-role" and fields["port"] == "b"]


def test_what_lldp_and_the_loop_detector_find_is_told() -> None:
    datapath, clock = FakeDatapath(a=True, b=True), Clock()
    told: list[tuple[str, dict[str, object]]] = []
    neighbours = Neighbours(datapath, "lan", ADDRESS, clock, lambda event, **fields: told.append((event, fields)))
    neighbours.configure(None, LldpSpec(name="one"), {}, loops=LoopSpec(interval=1, hold=3))
    other = FakeDatapath(c=True)
    beside = Neighbours(other, "lan", ADDRESS[:5] + b"\x0a", clock)
    beside.configure(None, LldpSpec(name="other"), {})
    for clock.now in (0.0, 1.0, 2.0):
        neighbours.tick()
        beside.tick()
    beside.close()
    for port, frame in datapath.sent:
        if frame[:6] == PROBE_ADDRESS and port == "a":
            neighbours.receive_untrusted("b", frame)
    for _, frame in other.sent:
        neighbours.receive_untrusted("b", frame)
    for clock.now in (3.0, 5.0, 6.0):
        neighbours.tick()
    events = [event for event, _ in told]
    assert events == ["loop-found", "neighbour-added", "neighbour-removed", "loop-cleared"]
    assert told[0][1] == {"port": "b", "reason": "there is a loop with port a: a probe came back"}
    assert (told[1][1]["port"], told[1][1]["name"]) == ("b", "other")


def test_a_port_that_went_and_came_unseen_is_a_new_one() -> None:
    datapath, clock = FakeDatapath(a=True), Clock()
    neighbours = service(datapath, clock)
    neighbours.configure(StpSpec(), None, {"a": PortStpSpec(edge="yes")})
    assert datapath.states == {"a": "forwarding"}
    # As a client of VDE begins: in the state of its listener.
    datapath.states["a"] = "discarding"
    neighbours.look()
    assert datapath.states == {"a": "forwarding"}


def test_what_is_said_of_a_listener_is_said_of_its_clients() -> None:
    datapath = FakeDatapath(**{"v": False, "v.1": True, "b.1": True})
    neighbours = service(datapath)
    neighbours.configure(StpSpec(), None, {}, mute=frozenset({"v", "b"}))
    assert datapath.states == {"b.1": "discarding"}
