"""The loop detector, between switches that flood."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vether.loop import Close, LoopConfig, LoopDetector, Open, Send

OURS = bytes([2, 0, 0, 0, 0, 9])


def detector(*ports: str, identity: bytes = b"identity", **more: Any) -> LoopDetector:
    made = LoopDetector(LoopConfig(address=OURS, **more), identity, b"key")
    for port in ports:
        made.add_port(port)
        made.port_up(port)
    return made


class Floor:
    """Switches whose ports are joined by cables, and flood: `cables` are pairs of (switch, port)."""

    def __init__(self, count: int, cables: list[tuple[tuple[int, str], tuple[int, str]]]) -> None:
        self.now = 0.0
        self.peers = {end: other for pair in cables for end, other in (pair, pair[::-1])}
        self.random = random.Random(1)
        self.switches: list[LoopDetector] = []
        for number in range(count):
            made = LoopDetector(
                LoopConfig(address=OURS), b"switch%2d" % number, b"key%d" % number, self.random.random()
            )
            for port in sorted(port for switch, port in self.peers if switch == number):
                made.add_port(port)
                made.port_up(port)
            self.switches.append(made)
        self.closed: set[tuple[int, str]] = set()
        self.events: list[tuple[float, int, Any]] = []

    def carry(self, end: tuple[int, str], frame: bytes, hops: int = 0) -> None:
        if hops > 8 or end not in self.peers:
            return
        switch, port = self.peers[end]
        self.do(switch, self.switches[switch].receive(port, frame, self.now))
        if (switch, port) in self.closed:
            return
        for other in self.switches[switch].ports:
            if other != port and (switch, other) not in self.closed:
                self.carry((switch, other), frame, hops + 1)

    def do(self, switch: int, outputs: list[Any]) -> None:
        for output in outputs:
            match output:
                case Send(port, frame):
                    self.carry((switch, port), frame)
                case Close(port):
                    self.events.append((self.now, switch, output))
                    self.closed.add((switch, port))
                case Open(port):
                    self.events.append((self.now, switch, output))
                    self.closed.discard((switch, port))

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            self.now += 0.05
            for i, made in enumerate(self.switches):
                self.do(i, made.tick(self.now))


def test_two_cables_between_two_switches() -> None:
    floor = Floor(2, [((0, "a"), (1, "b")), ((0, "b"), (1, "a"))])
    floor.run(4.0)
    assert len(floor.closed) == 1
    events = len(floor.events)
    floor.run(300.0)
    assert len(floor.events) == events  # it stays as it is, without a retry that lets frames go round


def test_a_triangle() -> None:
    floor = Floor(3, [((0, "a"), (1, "b")), ((1, "a"), (2, "b")), ((2, "a"), (0, "b"))])
    floor.run(300.0)
    assert len(floor.closed) == 1


def test_a_port_opens_when_the_loop_is_gone() -> None:
    floor = Floor(2, [((0, "a"), (1, "b")), ((0, "b"), (1, "a"))])
    floor.run(4.0)
    for end in [(0, "a"), (1, "b")]:
        del floor.peers[end]
    begin = floor.now
    floor.run(60.0)
    assert floor.closed == set()
    assert 28.0 < floor.events[-1][0] - begin < 35.0


def test_a_cable_between_two_ports() -> None:
    floor = Floor(1, [((0, "a"), (0, "b"))])
    floor.run(4.0)
    assert len(floor.closed) == 1
    (_, _, event) = floor.events[0]
    assert "loop with port" in event.reason


def test_a_probe_that_comes_back_at_its_own_port() -> None:
    made = detector("a")
    (probe,) = made.tick(0.0)
    assert isinstance(probe, Send)
    assert len(probe.frame) == 60
    (event,) = made.receive("a", probe.frame, 0.1)
    assert event == Close("a", "there is a loop behind it: a probe came back")
    assert made.show(0.1)[0]["closed"]
    assert [output for now in range(1, 30) for output in made.tick(now)] == []
    assert made.tick(31.0)[0] == Open("a")


def test_a_link_that_goes_opens_the_port() -> None:
    made = detector("a")
    (probe,) = made.tick(0.0)
    made.receive("a", probe.frame, 0.1)  # type: ignore[union-attr]
    assert made.port_down("a") == [Open("a")]


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        (0, None),
        (6, None),
        (12, "loop-frame"),
        (14, "loop-frame"),
        (26, "loop-foreign"),
        (34, "loop-forged"),
        (40, "loop-forged"),
    ],
)
def test_damaged_probes(at: int, reason: str | None) -> None:
    made = detector("a")
    (probe,) = made.tick(0.0)
    raw = bytearray(probe.frame)  # type: ignore[union-attr]
    raw[at] ^= 1
    out = made.receive("a", bytes(raw), 0.1)
    assert bool(out) == (reason is None)
    assert made.ports["a"].counters == {reason or "loop": 1}


def test_a_probe_kept_for_later_is_old() -> None:
    made = detector("a", "b")
    (probe,) = made.tick(0.0)
    for now in range(1, 20):
        made.tick(float(now))
    assert made.receive("b", probe.frame, 20.0) == []  # type: ignore[union-attr]
    assert made.ports["b"].counters == {"loop-old": 1}


def test_probes_take_turns() -> None:
    made = detector("a", "b", "c", interval=3.0)
    sent = []
    for _ in range(6):
        now = made.next_tick
        sent += [(now, output.port) for output in made.tick(now)]
    assert sent == [(0.0, "a"), (1.0, "b"), (2.0, "c"), (3.0, "a"), (4.0, "b"), (5.0, "c")]


@given(st.binary(max_size=100))
def test_any_bytes(data: bytes) -> None:
    made = detector("a")
    made.tick(0.0)
    assert made.receive("a", data, 0.1) == []
