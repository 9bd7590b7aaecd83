"""Three switches in a triangle: one cable is closed, and opens when another is cut; LLDP names who is there."""

import contextlib
import json
import selectors
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.vether.lab import EVERYBODY, Guest, Lab, frame, mac, until
from tests.vether.peers import Vde
from tests.vether.triangle import NAMES, SIDES, Switches
from vether.rstp import bpdu


class Cable:
    """Joins ports of two switches, packet by packet, until it is cut."""

    def __init__(self, one: Guest, other: Guest) -> None:
        self.ends = (one.socket, other.socket)
        self.carried = 0
        self._is_cut = threading.Event()
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    def _carry(self) -> None:
        with selectors.DefaultSelector() as selector:
            for end, other in (self.ends, self.ends[::-1]):
                selector.register(end, selectors.EVENT_READ, other)
            while not self._is_cut.is_set():
                for key, _ in selector.select(0.05):
                    with contextlib.suppress(OSError):
                        packet = key.fileobj.recv(70000)  # type: ignore[union-attr]
                        if not packet:
                            return
                        key.data.send(packet)
                        self.carried += 1

    def cut(self) -> None:
        self._is_cut.set()
        self._thread.join()
        for end in self.ends:
            end.close()


class Triangle(Switches):
    def __init__(self, labs: dict[str, Lab]) -> None:
        super().__init__(labs)
        # The port that leads to another switch has its name.
        for i, (name, lab) in enumerate(labs.items()):
            lab.start(spec(name, i))
        self.cables = {pair: self.cable(*pair) for pair in SIDES}
        self.hosts = {name: lab.connect("host") for name, lab in labs.items()}

    def cable(self, one: str, other: str) -> Cable:
        return Cable(self.labs[one].connect(other), self.labs[other].connect(one))


def spec(name: str, index: int, **more: Any) -> dict[str, Any]:
    others = [{"name": other, "stp": {"edge": "no"}} for other in NAMES if other != name]
    stp = {"priority": 4096 * (index + 1), "hello_time": 1}
    ports = [*others, {"name": "host"}]
    return {"name": "lan", "gateway": False, "ports": ports, "stp": stp, "lldp": {"name": name, "interval": 1}, **more}


@pytest.fixture
def triangle() -> Iterator[Triangle]:
    with contextlib.ExitStack() as stack:
        labs = {}
        for name in NAMES:
            labs[name] = Lab(Path(tempfile.mkdtemp(prefix="vether-")))
            stack.callback(labs[name].close)
        made = Triangle(labs)
        yield made
        for cable in made.cables.values():
            cable.cut()


def received(guest: Guest, payload: bytes) -> int:
    """Count the frames with `payload` that a host gets until it is quiet."""
    count = 0
    guest.socket.settimeout(0.5)
    with contextlib.suppress(TimeoutError):
        while True:
            count += guest.receive()[14:] == payload
    return count


def test_one_cable_is_closed_and_opens_when_another_is_cut(triangle: Triangle) -> None:
    until("tree", triangle.is_settled)
    shown = triangle.labs["c"].call("show", what="stp")
    assert (shown["is_root"], shown["root_port"], shown["root"][:5]) == (False, "a", "1000.")
    for one in NAMES:
        triangle.hosts[one].send(frame(EVERYBODY, mac(ord(one)), one.encode() * 8))
        assert [received(triangle.hosts[other], one.encode() * 8) for other in NAMES if other != one] == [1, 1]
    quiet = {pair: cable.carried for pair, cable in triangle.cables.items()}
    time.sleep(1.0)
    # Nothing but BPDUs and LLDP: a few a second.
    assert all(cable.carried - quiet[pair] < 12 for pair, cable in triangle.cables.items())
    triangle.cables.pop("ca").cut()
    begin = time.monotonic()
    until("traffic", lambda: triangle.reaches("a", "c") and triangle.reaches("c", "a"))
    assert time.monotonic() - begin < 3.0
    triangle.cables["ca"] = triangle.cable("c", "a")
    until("tree", triangle.is_settled)


def test_neighbours_are_named(triangle: Triangle) -> None:
    def named() -> dict[str, dict[str, str]]:
        return {
            name: {row["port"]: row["system"] for row in lab.call("show", what="neighbours")}
            for name, lab in triangle.labs.items()
        }

    until("names", lambda: named() == {"a": {"b": "b", "c": "c"}, "b": {"a": "a", "c": "c"}, "c": {"a": "a", "b": "b"}})
    triangle.labs["c"].end()
    until("goodbye", lambda: named_of(triangle.labs["a"]) == {"b"})


def named_of(lab: Lab) -> set[str]:
    return {row["system"] for row in lab.call("show", what="neighbours")}


def test_spanning_tree_comes_and_goes_live(lab: Lab) -> None:
    lab.start({"name": "lan", "gateway": False, "ports": [{"name": "x"}, {"name": "y"}]})
    x, y = lab.connect("x"), lab.connect("y")
    assert lab.call("show", what="stp") is None
    hello = bpdu.frame(mac(1), bpdu.Bpdu(bpdu.BpduType.TCN).encode())
    x.send(hello)
    assert y.receive() == hello  # a switch without spanning tree is a cable to those who have it
    with_stp = spec("x", 0, ports=[{"name": "x"}, {"name": "y", "stp": {"bpdu_guard": True}}], lldp=None)
    lab.call("apply", spec=with_stp)
    until("BPDU", lambda: x.receive()[:6] == bpdu.GROUP_ADDRESS)
    until("forwarding", lambda: states(lab) == {"x": "forwarding", "y": "forwarding"})
    y.send(hello)
    until("guard", lambda: states(lab) == {"x": "forwarding", "y": "discarding"})
    assert next(port for port in lab.call("show", what="ports") if port["name"] == "y")["state"] == "discarding"
    x.send(hello)
    lab.call("apply", spec={**with_stp, "stp": None})
    assert {port["state"] for port in lab.call("show", what="ports")} == {"forwarding"}
    x.send(frame(EVERYBODY, mac(1)))
    while y.receive() != frame(EVERYBODY, mac(1)):
        pass  # the switch's own BPDUs


def test_a_loop_closes_a_port_that_opens_when_it_is_gone(lab: Lab) -> None:
    names = [{"name": name} for name in "xyz"]
    lab.start({"name": "lan", "gateway": False, "ports": names, "loop": {"interval": 0.3, "hold": 1.0}})
    cable = Cable(lab.connect("x"), lab.connect("y"))

    def closed() -> list[str]:
        return [row["port"] for row in lab.call("show", what="loops") if row["closed"]]

    until("loop", closed)
    # It stays closed, and what a host sends comes once.
    z = lab.connect("z")
    for _ in range(5):
        assert len(closed()) == 1
        time.sleep(0.4)
    before = cable.carried
    z.send(frame(EVERYBODY, mac(1)))
    time.sleep(0.2)
    assert cable.carried - before < 5
    cable.cut()
    until("end", lambda: not closed())


def states(lab: Lab) -> dict[str, str]:
    return {row["port"]: row["state"] for row in lab.call("show", what="stp")["ports"]}


def test_garbage_is_counted(lab: Lab) -> None:
    lab.start(spec("x", 0, ports=[{"name": "x"}]))
    x = lab.connect("x")
    until("port", lambda: states(lab)["x"] == "forwarding")
    for data in (b"", b"\0", b"\0\0\2\7" + bytes(40), bytes(40)):
        x.send(bpdu.frame(mac(1), data))
    x.send(bpdu.GROUP_ADDRESS + mac(1) + bytes(2))
    expected = {"bpdu-short": 2, "bpdu-type": 1, "bpdu-age": 1, "bpdu-frame": 1}
    until("counters", lambda: expected.items() <= lab.call("show", what="stp")["ports"][0]["counters"].items())


def test_show_prints_a_table(lab: Lab) -> None:
    lab.start(spec("a", 0))
    done = lab.command("show", "stp", "--dir", str(lab.dir))
    assert "root    this bridge" in done.stdout
    assert "disabled  discarding" in done.stdout
    shown = json.loads(lab.command("show", "stp", "--dir", str(lab.dir), "--json").stdout)
    assert [row["port"] for row in shown["ports"]] == ["b", "c", "host"]


def test_a_client_of_vde_that_connects_again_at_once_is_let_in_again(lab: Lab) -> None:
    lab.start({"name": "lan", "gateway": False, "stp": {}, "ports": [{"name": "a"}, {"name": "v", "kind": "vde"}]})
    for name in ("one", "two"):
        client = Vde(lab.dir / "ports" / "v", str(lab.folder / name).encode())
        until("forwarding", lambda: lab.port("v.1")["state"] == "forwarding")
        client.close()
