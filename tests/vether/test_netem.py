"""Impairments of a running switch."""

import contextlib
import json
import os
import time

import pytest

from tests.vether.lab import EVERYBODY, Guest, Lab, frame, mac, ports, until
from tests.vether.peers import Vde
from vether.control import ControlError

A, B = mac(1), mac(2)


def numbered(count: int) -> list[bytes]:
    return [frame(EVERYBODY, A, number.to_bytes(4, "big") + bytes(40)) for number in range(count)]


def drain(guest: Guest, silence: float = 0.3) -> list[int]:
    got = []
    guest.socket.settimeout(silence)
    try:
        while True:
            got.append(int.from_bytes(guest.receive()[14:18], "big"))
    except TimeoutError:
        return got


def send(guest: Guest, count: int) -> None:
    for packet in numbered(count):
        guest.send(packet)


def test_loss_is_in_its_direction_and_counted(lab: Lab) -> None:
    lab.start(ports("a", "b", "c"))
    a, b, c = (lab.connect(name) for name in "abc")
    lab.call("netem", port="b", direction="out", set={"loss": "50%"})
    send(a, 400)
    got = drain(b)
    assert len(drain(c)) == 400
    assert 140 < len(got) < 260
    assert lab.stats("b")["drops"]["netem-loss"] == 400 - len(got)
    b.send(frame(EVERYBODY, B))
    assert a.receive() == frame(EVERYBODY, B)
    (row,) = lab.call("show", what="netem")
    assert (row["port"], row["direction"], row["settings"]) == ("b", "out", {"loss": "50%"})
    assert (row["packets"], row["lost"]) == (400, 400 - len(got))


def test_the_same_seed_loses_the_same_frames(lab: Lab) -> None:
    lab.start(ports("a", "b"))
    a, b = lab.connect("a"), lab.connect("b")
    runs = []
    for seed in (7, 7, 8):
        lab.call("netem", port="a", direction="in", set={"loss": "30%", "seed": seed}, clear=True)
        send(a, 200)
        runs.append(drain(b))
        lab.call("netem", port="a", clear=True)
    assert runs[0] == runs[1] != runs[2]


@pytest.mark.parametrize(("port", "direction"), [("a", "in"), ("b", "out")])
def test_a_delay_is_kept_by_the_clock_and_others_are_not_delayed(lab: Lab, port: str, direction: str) -> None:
    lab.start(ports("a", "b", "c"))
    a, b, c = (lab.connect(name) for name in "abc")
    lab.call("netem", port=port, direction=direction, set={"delay": "200ms"})
    start = time.monotonic()
    a.send(frame(EVERYBODY, A, b"x" * 3000))
    assert b.receive() == frame(EVERYBODY, A, b"x" * 3000)
    assert 0.2 <= time.monotonic() - start < 0.6
    c.receive()
    if direction == "out":
        start = time.monotonic()
        a.send(frame(EVERYBODY, A))
        c.receive()
        assert time.monotonic() - start < 0.15


def test_a_patch_keeps_other_settings_and_what_is_under_way(lab: Lab) -> None:
    lab.start(ports("a", "b"))
    a, b = lab.connect("a"), lab.connect("b")
    assert lab.command("netem", "--dir", str(lab.dir), "b", "--out", "delay=8s", "loss=0.001%").returncode == 0
    a.send(frame(EVERYBODY, A, b"late"))
    time.sleep(0.05)
    result = lab.command("netem", "--dir", str(lab.dir), "b", "--out", "--json", "delay=0ms", "duplicate=100%")
    (row,) = json.loads(result.stdout)
    assert (row["settings"], row["waiting"]) == ({"loss": "0.001%", "duplicate": "100%"}, 1)
    a.send(frame(EVERYBODY, A, b"soon"))
    assert [b.receive()[14:] for _ in range(3)] == [b"soon", b"soon", b"late"]
    assert lab.command("netem", "--dir", str(lab.dir), "b", "--clear").returncode == 0
    assert lab.call("show", what="netem") == []
    a.send(frame(EVERYBODY, A, b"once"))
    assert b.receive()[14:] == b"once"
    assert b.is_silent()


def test_bandwidth_takes_its_time_and_its_queue_is_bounded(lab: Lab) -> None:
    lab.start(ports("a", "b"))
    a, b = lab.connect("a"), lab.connect("b")
    # 58 bytes a frame at 58 kB/s: one a millisecond.
    lab.call("netem", port="b", direction="out", set={"rate": "464kbit", "queue": 58 * 100})
    start = time.monotonic()
    send(a, 400)
    sending = time.monotonic() - start
    got = drain(b)
    took = time.monotonic() - start - 0.3
    assert got == sorted(got)
    assert len(got) + lab.stats("b")["drops"]["netem-rate"] == 400
    # In the queue, on the line, and as many as left while the others were sent, which takes its time on a busy machine.
    assert 101 <= len(got) <= 101 + 1000 * sending + 50
    assert took >= (len(got) - 1) / 1000


def test_segments_are_cut_and_checksums_made_before_anything_happens(lab: Lab) -> None:
    lab.start(ports("a", "b"))
    a, b = lab.connect("a"), lab.connect("b")
    b.socket.send(b"VETH" + (15).to_bytes(4, "little"))
    payload = bytes(range(256)) * 250
    header = bytes([1, 1, 0, 0]) + (1448).to_bytes(2, "little") + bytes([34, 0, 16, 0, 0, 0])
    ip = (
        bytes.fromhex("4500")
        + (40 + len(payload)).to_bytes(2, "big")
        + bytes.fromhex("00010000400600000a0000010a000002")
    )
    tcp = bytes.fromhex("00010002000000030000000450100100") + bytes(4)
    lab.call("netem", port="a", direction="in", set={"seed": 1, "loss": "20%"})
    a.send(EVERYBODY + A + b"\x08\x00" + ip + tcp + payload, header)
    b.socket.settimeout(0.3)
    pieces = []
    with contextlib.suppress(TimeoutError):
        while True:
            pieces.append(b.socket.recv(70000))
    lost = lab.stats("a")["drops"]["netem-loss"]
    assert len(pieces) + lost == 45
    assert 1 <= lost <= 25
    assert all(piece[:12] == bytes(12) and len(piece) <= 12 + 54 + 1448 for piece in pieces)


def test_bad_frames_are_counted_as_without_impairments(lab: Lab) -> None:
    lab.start(ports("a", "b"))
    a, b = lab.connect("a"), lab.connect("b")
    lab.call("netem", port="a", set={"delay": "1ms", "corrupt": "0.0001%"})
    for garbage in (b"x", bytes(25), b"\1\1" + bytes(40), bytes(70000)):
        a.socket.send(garbage)
    a.send(frame(EVERYBODY, A))
    assert b.receive() == frame(EVERYBODY, A)
    drops = lab.stats("a")["drops"]
    assert (drops["too-short"], drops["too-long"], drops["bad-source"] + drops["bad-offload"]) == (2, 1, 1)


def test_a_peer_that_leaves_takes_what_is_under_way_with_it(lab: Lab) -> None:
    lab.start(ports("a", "b"))
    a, b = lab.connect("a"), lab.connect("b")
    lab.call("netem", port="b", direction="out", set={"delay": "500ms"})
    a.send(frame(EVERYBODY, A, b"old"))
    time.sleep(0.05)
    b.close()
    b = lab.connect("b")
    a.send(frame(EVERYBODY, A, b"new"))
    assert b.receive()[14:] == b"new"
    assert lab.stats("b")["drops"]["no-carrier"] == 1


def test_the_specification_impairs_from_the_beginning_and_patches_stay(lab: Lab) -> None:
    spec = ports("a", "b")
    spec["ports"][1]["netem"] = {"out": {"loss": "100%"}}
    lab.start(spec)
    a, b = lab.connect("a"), lab.connect("b")
    a.send(frame(EVERYBODY, A))
    assert b.is_silent()
    lab.call("netem", port="b", direction="out", set={"loss": 0})
    assert lab.call("apply", spec=spec)["changed"] == []
    a.send(frame(EVERYBODY, A))
    assert b.receive() == frame(EVERYBODY, A)
    spec["ports"][1]["netem"] = {"out": {"loss": "100%", "seed": 2}}
    assert lab.call("apply", spec=spec)["changed"] == ["port b: changed"]
    assert lab.call("show", what="netem")[0]["settings"] == {"seed": "2", "loss": "100%"}
    del spec["ports"][1]["netem"]
    lab.call("apply", spec=spec)
    assert lab.call("show", what="netem") == []
    spec["ports"][1]["netem"] = {"in": {"lost": "100%"}}
    with pytest.raises(ControlError, match=r"ports\[1\].netem.in: no setting 'lost'"):
        lab.call("apply", spec=spec)


def test_mistakes_change_nothing_and_say_what_to_do(lab: Lab) -> None:
    lab.start(ports("a"))
    wrong = [
        (["a", "loss=200%"], "between 0% and 100%"),
        (["a", "x=1"], "no setting 'x'"),
        (["b", "loss=1%"], "there is no port 'b'"),
        (["loss=1%"], "settings need a port"),
        (["a", "--out", "loss=1%", "delay=1"], "is not a time"),
    ]
    for words, message in wrong:
        result = lab.command("netem", "--dir", str(lab.dir), *words)
        assert (result.returncode, message in result.stderr) == (2, True), result.stderr
    for args in (
        {},
        {"port": 1},
        {"port": "a", "direction": "up"},
        {"port": "a", "set": [1]},
        {"port": "a", "set": {"loss": None}},
    ):
        with pytest.raises(ControlError):
            lab.call("netem", **args)
    assert lab.call("show", what="netem") == []
    assert lab.command("netem", "show", "--dir", str(lab.dir)).stdout == "(none)\n"


def test_what_a_port_has_is_its_clients_as_well(lab: Lab) -> None:
    spec = ports("a")
    spec["ports"].append({"name": "v", "kind": "vde", "capture": {"file": str(lab.folder / "v.pcapng")}})
    lab.start(spec)
    a = lab.connect("a")
    lab.call("netem", port="v", direction="out", set={"loss": "100%"})
    client = Vde(lab.dir / "ports" / "v", os.fsencode(lab.folder / "data"))
    try:
        until("a client's port", lambda: any(port["name"] == "v.1" for port in lab.call("show", what="ports")))
        client.send(frame(EVERYBODY, B))
        assert a.receive() == frame(EVERYBODY, B)
        a.send(frame(EVERYBODY, A))
        until("loss", lambda: lab.stats("v.1")["drops"]["netem-loss"] == 1)
        lab.call("netem", port="v", clear=True)
        a.send(frame(EVERYBODY, A))
        assert client.receive() == frame(EVERYBODY, A)
    finally:
        client.close()
    (row,) = lab.call("show", what="captures")
    assert row["packets"] == 2
