"""A change that cannot be made in full is not made at all."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.vether.lab import EVERYBODY, Guest, Lab, frame, mac, open_lab, ports
from tests.vether.test_tunnel import Pair, exchange, free_port, peer
from vether.control import ControlError


@pytest.fixture
def taken() -> Iterator[str]:
    """An address where somebody else listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def pair() -> Iterator[Pair]:
    with open_lab() as one, open_lab() as two:
        yield Pair((one, two), (f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"))


def stream(name: str, listen: str) -> dict[str, Any]:
    return {"name": name, "kind": "stream", "listen": listen}


def rows(lab: Lab) -> dict[str, str]:
    return {port["name"]: port["kind"] for port in lab.call("show", what="ports")}


def cross(one: Guest, other: Guest) -> None:
    one.send(frame(EVERYBODY, mac(1)))
    assert other.receive() == frame(EVERYBODY, mac(1))


def test_a_port_whose_new_kind_cannot_be_opened_keeps_the_old_one(lab: Lab, taken: str) -> None:
    lab.start(ports("a", "x"))
    a, _ = lab.connect("a"), lab.connect("x")
    before = lab.call("show", what="spec")
    with pytest.raises(ControlError, match=f"cannot listen at {taken}: Address already in use"):
        lab.call("set", name="x", changes={"kind": "stream", "listen": taken})
    assert lab.call("show", what="spec") == before
    assert rows(lab) == {"a": "guest", "x": "guest"}
    cross(lab.connect("x"), a)


def test_what_was_done_before_the_error_is_taken_back(lab: Lab, taken: str) -> None:
    lab.start(ports("a", "b", "c", "d", ageing=300.0))
    a, b, d = (lab.connect(name) for name in "abd")
    before = lab.call("show", what="spec")
    wanted = ports("a", "new", ageing=20.0)
    wanted["ports"][0].update(vlan={"access": 7}, static=[{"mac": "02:00:00:00:00:07"}], isolated=True)
    wanted["ports"] += [{"name": "c", "kind": "bess"}, {"name": "d", "wire": "a"}, stream("z", taken)]
    with pytest.raises(ControlError, match="Address already in use"):
        lab.call("apply", spec=wanted)
    assert lab.call("show", what="spec") == before
    assert rows(lab) == dict.fromkeys("abcd", "guest")
    assert lab.call("show", what="vlans") == []
    # Who had nothing to do with what failed is connected still.
    cross(a, d)
    assert b.socket.recv(100) == b"", "b had gone"
    cross(lab.connect("b"), a)
    cross(lab.connect("c"), d)
    assert lab.call("apply", spec=before)["changed"] == []


def test_a_spanning_tree_goes_on_with_what_is_put_back(lab: Lab, taken: str) -> None:
    lab.start(ports("a", "x", stp={}))
    lab.connect("a")
    lab.connect("x")
    with pytest.raises(ControlError, match="Address already in use"):
        lab.call("set", name="x", changes={"kind": "stream", "listen": taken})
    states = {port["name"]: port["state"] for port in lab.call("show", what="ports")}
    assert states["x"] == "discarding", "it was not looked at yet"
    tree = {row["port"]: (row["state"], row["role"]) for row in lab.call("show", what="stp")["ports"]}
    assert tree["x"] == ("discarding", "disabled")


@pytest.mark.parametrize("broken", ["psk", "own key", "listen"])
def test_a_tunnel_that_cannot_be_had_leaves_the_one_that_there_is(pair: Pair, broken: str) -> None:
    pair.start()
    pair.until_up()
    lab = pair.labs[0]
    guests = (lab.connect("a"), pair.labs[1].connect("a"))
    before = lab.call("show", what="spec")
    wanted: dict[str, Any] = {**before, "ports": [*before["ports"], {"name": "new"}], "ageing": 20.0}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        if broken == "psk":
            wanted["peers"] = [{**before["peers"][0], "psk": str(Path("/nonexistent"))}]
        elif broken == "own key":
            own = pair.specs[1]["peers"][0]["public_key"]
            wanted["peers"] = [*before["peers"], {"name": "me", "public_key": own}]
        else:
            other.bind(("127.0.0.1", 0))
            wanted["tunnel"] = {**before["tunnel"], "listen": f"127.0.0.1:{other.getsockname()[1]}"}
        with pytest.raises(ControlError):
            lab.call("apply", spec=wanted)
    assert lab.call("show", what="spec") == before
    assert set(rows(lab)) == {"a", "other"}
    if broken != "listen":
        assert peer(lab)["up"], "it was not touched"
    pair.until_up()
    exchange(pair, guests, bytes(100))


def test_ports_that_come_and_go_and_changes_that_fail_leave_no_descriptor(pair: Pair, taken: str) -> None:
    pair.start()
    pair.until_up()
    lab = pair.labs[0]
    process = lab.process
    assert process is not None
    base = lab.call("show", what="spec")
    kinds: list[dict[str, Any]] = [
        {"name": "g"},
        {"name": "b", "kind": "bess"},
        {"name": "s", "kind": "stream"},
        {"name": "v", "kind": "vde"},
        {"name": "d", "kind": "dgram", "remote": str(lab.folder / "peer")},
        {"name": "x", "kind": "vxlan", "vni": 1, "peers": ["127.0.0.2"], "port": free_port()},
        {"name": "l", "kind": "l2tpv3", "peer": "127.0.0.1", "session": 1, "port": free_port()},
    ]
    full = {**base, "ports": [*base["ports"], *kinds]}
    secret = {**full, "tunnel": {**base["tunnel"], "split_horizon": False}}
    counts = []
    for _ in range(6):
        lab.call("apply", spec=full)
        with pytest.raises(ControlError, match="Address already in use"):
            lab.call("add", port=stream("z", taken))
        with pytest.raises(ControlError, match="No such file or directory"):
            lab.call("add", port={"name": "z", "capture": {"file": "/nonexistent/capture"}})
        lab.call("apply", spec=secret)
        lab.call("apply", spec=base)
        pair.until_up()
        counts.append(len(list(Path(f"/proc/{process.pid}/fd").iterdir())))
    assert max(counts[1:]) <= counts[0] + 1, counts
    assert sorted(path.name for path in (lab.dir / "ports").iterdir()) == ["a"]


def test_a_wire_leaks_nothing_while_one_end_is_opened_anew(lab: Lab) -> None:
    lab.start({"name": "lan", "gateway": False, "ports": [{"name": "a", "wire": "b"}, {"name": "b"}, {"name": "c"}]})
    a, c = lab.connect("a"), lab.connect("c")
    is_over = threading.Event()

    def flood() -> None:
        while not is_over.is_set():
            a.send(frame(EVERYBODY, mac(1)))

    sender = threading.Thread(target=flood)
    sender.start()
    try:
        for kind in ("bess", "stream", "vde", "guest") * 3:
            assert lab.call("set", name="b", changes={"kind": kind})["changed"] == ["port b: changed"]
    finally:
        is_over.set()
        sender.join()
    assert c.is_silent()
    assert lab.call("show", what="fdb") == []
    b = lab.connect("b")
    cross(a, b)
