"""Ports of other kinds than guests': frames both ways, peers that come and go, peers that lie."""

import contextlib
import os
import random
import resource
import socket
import struct
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.vether import peers
from tests.vether.lab import EVERYBODY, Lab, frame, mac, ports, until
from vether.control import ControlError

A, B, C = mac(1), mac(2), mac(3)


def spec(*foreign: dict[str, Any], **more: object) -> dict[str, Any]:
    result = ports("a", **more)
    result["ports"] += foreign
    return result


def carrier(lab: Lab, port: str) -> bool:
    return bool(lab.port(port)["carrier"])


def exchange(guest: Any, peer: Any, *, address: bytes = B) -> None:
    """Frames of all lengths pass in both directions, in order."""
    peer.send(frame(EVERYBODY, address))
    assert guest.receive() == frame(EVERYBODY, address)
    for size in (46, 1500, 9000, 60000):
        payload = os.urandom(size)
        guest.send(frame(address, A, payload))
        assert peer.receive() == frame(address, A, payload)
        peer.send(frame(A, address, payload))
        assert guest.receive() == frame(A, address, payload)


@pytest.mark.parametrize("kind", ["bess", "stream"])
def test_a_listening_port_has_one_peer_at_a_time_and_the_next(lab: Lab, kind: str) -> None:
    lab.start(spec({"name": "x", "kind": kind}))
    connect: Callable[[Path], Any] = getattr(peers, kind)
    a = lab.connect("a")
    path = Path(lab.port("x")["socket"])
    assert path == lab.dir / "ports" / "x"
    assert path.stat().st_mode & 0o777 == 0o600
    for _ in range(2):
        peer = connect(path)
        until("carrier", lambda: carrier(lab, "x"))
        exchange(a, peer)
        second = connect(path)
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            assert second.receive() == b""
        second.close()
        exchange(a, peer)
        peer.close()
        until("no carrier", lambda: not carrier(lab, "x"))
    assert lab.port("x")["kind"] == kind
    assert sum(lab.stats("x")["drops"].values()) == 0


def test_what_a_plain_peer_gets_is_finished(lab: Lab) -> None:
    lab.start(spec({"name": "x", "kind": "bess"}))
    a, peer = lab.connect("a"), peers.bess(lab.dir / "ports" / "x")
    until("carrier", lambda: carrier(lab, "x"))
    header = bytes([1, 0, 0, 0, 0, 0, 34, 0, 6, 0, 0, 0])
    udp = bytes.fromhex("4500002000010000401166cb0a0000010a000002 00070007000c0000") + b"data"
    udp = udp[:26] + bytes.fromhex("1420") + udp[28:]
    a.send(B + A + b"\x08\x00" + udp, header)
    got = peer.receive()
    words = struct.unpack(">6H", got[34:46])
    total = sum(words) + 0x0A00 + 1 + 0x0A00 + 2 + 17 + 12
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    assert total == 0xFFFF
    peer.close()


def test_a_stream_of_any_cut_passes_and_a_lying_length_ends_it(lab: Lab) -> None:
    lab.start(spec({"name": "x", "kind": "stream"}))
    a, peer = lab.connect("a"), peers.stream(lab.dir / "ports" / "x")
    until("carrier", lambda: carrier(lab, "x"))
    pick = random.Random(7)
    frames = [frame(A, B, os.urandom(pick.choice([0, 50, 1500]))) for _ in range(500)]
    data = b"".join(struct.pack(">I", len(one)) + one for one in frames)
    while data:
        cut = pick.randrange(1, 9000)
        peer.socket.sendall(data[:cut])
        data = data[cut:]
    assert [a.receive() for _ in frames] == frames
    peer.socket.sendall(struct.pack(">I", 65554))
    with pytest.raises(ConnectionResetError):
        peer.receive()
    until("the counter", lambda: lab.stats("x")["drops"]["bad-length"] == 1)
    again = peers.stream(lab.dir / "ports" / "x")
    until("carrier", lambda: carrier(lab, "x"))
    exchange(a, again)


def test_a_stream_peer_that_stalls_gets_whole_frames_afterwards(lab: Lab) -> None:
    lab.start(spec({"name": "x", "kind": "stream"}))
    a, peer = lab.connect("a"), peers.stream(lab.dir / "ports" / "x")
    until("carrier", lambda: carrier(lab, "x"))
    sent = 0
    while not lab.stats("x")["drops"]["queue-full"]:
        for _ in range(50):
            a.send(frame(B, A, sent.to_bytes(4, "big") + bytes(sent % 3000)))
            sent += 1
    until("the rest", lambda: lab.stats("a")["rx_frames"] == sent)
    lost = lab.stats("x")["drops"]["queue-full"]
    numbers = []
    for _ in range(sent - lost):
        got = peer.receive()
        numbers.append(int.from_bytes(got[14:18], "big"))
        assert got == frame(B, A, got[14:18] + bytes(numbers[-1] % 3000))
    assert numbers == sorted(set(numbers))
    exchange(a, peer)


@pytest.mark.parametrize("count", range(1, 9))
def test_the_rest_of_a_frame_follows_though_nothing_else_does(lab: Lab, count: int) -> None:
    lab.start(spec({"name": "x", "kind": "stream"}))
    a, peer = lab.connect("a"), peers.stream(lab.dir / "ports" / "x")
    until("carrier", lambda: carrier(lab, "x"))
    # The socket takes some 200 KB: the last frame of a few of these counts is cut.
    sent = [frame(B, A, os.urandom(60000)) for _ in range(count)]
    for one in sent:
        a.send(one)
    until("them", lambda: lab.stats("a")["rx_frames"] == count)
    assert [peer.receive() for _ in sent] == sent


def test_a_stream_port_at_a_tcp_address(lab: Lab) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        taken = spec({"name": "x", "kind": "stream", "listen": f"127.0.0.1:{port}"})
        probe.listen()
        lab.start(ports("a"))
        with pytest.raises(ControlError, match=f"cannot listen at 127.0.0.1:{port}: Address already in use"):
            lab.call("apply", spec=taken)
    lab.call("apply", spec=taken)
    assert lab.port("x")["socket"] == f"tcp:127.0.0.1:{port}"
    a = lab.connect("a")
    for _ in range(2):
        peer = peers.Stream(socket.create_connection(("127.0.0.1", port)))
        until("carrier", lambda: carrier(lab, "x"))
        exchange(a, peer)
        peer.close()
        until("no carrier", lambda: not carrier(lab, "x"))


def test_a_datagram_peer_is_found_and_found_again(lab: Lab) -> None:
    remote = lab.folder / "peer"
    lab.start(spec({"name": "x", "kind": "dgram", "remote": str(remote)}))
    a = lab.connect("a")
    assert not carrier(lab, "x")
    for _ in range(3):
        peer = peers.Datagram(remote, lab.dir / "ports" / "x")
        peer.send(frame(EVERYBODY, B, b"early"))
        assert a.receive() == frame(EVERYBODY, B, b"early")
        until("carrier", lambda: carrier(lab, "x"))
        exchange(a, peer)
        peer.close()
        until("no carrier", lambda: not carrier(lab, "x"))
    # One that is started again before anybody noticed.
    first = peers.Datagram(remote, lab.dir / "ports" / "x")
    until("carrier", lambda: carrier(lab, "x"))
    exchange(a, first)
    first.close()
    second = peers.Datagram(remote, lab.dir / "ports" / "x")

    def passes() -> bool:
        with contextlib.suppress(OSError):
            second.send(frame(A, B, b"again"))
            return a.receive() == frame(A, B, b"again")
        return False  # refused: the port is connected to the first one still

    until("traffic", passes)
    second.close()


def test_a_datagram_peer_that_stalls_is_sent_the_rest_later(lab: Lab) -> None:
    remote = lab.folder / "peer"
    lab.start(spec({"name": "x", "kind": "dgram", "remote": str(remote)}))
    a, peer = lab.connect("a"), peers.Datagram(remote, lab.dir / "ports" / "x")
    until("carrier", lambda: carrier(lab, "x"))
    sent = [frame(B, A, number.to_bytes(4, "big") + bytes(500)) for number in range(1500)]
    for one in sent:
        a.send(one)
    until("backlog", lambda: lab.port("x")["backlog"])
    assert [peer.receive() for _ in sent] == sent
    peer.close()


def test_clients_of_vde_get_ports_of_their_own_while_they_stay(lab: Lab) -> None:
    lab.start(spec({"name": "v", "kind": "vde", "split_horizon": 0}))
    a, folder = lab.connect("a"), lab.dir / "ports" / "v"
    first = peers.Vde(folder, os.fsencode(lab.folder / "one"), more=b"a friend\n")
    second = peers.Vde(folder, b"\0\x12\x34\0uml", more=bytes(2))
    third = peers.Vde(folder, os.fsencode(lab.folder / "three"), kind=7 << 8 | 1)
    rows = {port["name"]: port for port in lab.call("show", what="ports")}
    assert list(rows) == ["a", "v", "v.1", "v.2", "v.7"]
    assert [rows[name]["kind"] for name in rows] == ["guest", "vde", "vde", "vde", "vde"]
    assert (rows["v.1"]["peer"], rows["v.2"]["peer"]) == ("a friend", "")
    assert [rows[name]["carrier"] for name in rows] == [True, False, True, True, True]
    third.close()
    until("removal", lambda: "v.7" not in lab.call("show", what="stats")["ports"])
    exchange(a, first)
    assert second.receive() == frame(EVERYBODY, B)
    exchange(second, first)
    assert a.receive() == frame(EVERYBODY, B)
    lab.call("apply", spec=spec({"name": "v", "kind": "vde", "split_horizon": 5}))
    first.send(frame(C, B))
    assert a.receive() == frame(C, B)
    second.socket.settimeout(0.1)
    with contextlib.suppress(TimeoutError):
        assert second.receive() == b"nothing"
    first.close()
    until("removal", lambda: [row["name"] for row in lab.call("show", what="ports")] == ["a", "v", "v.2"])
    late = peers.Vde(folder, os.fsencode(lab.folder / "late"))
    late.send(frame(EVERYBODY, B))
    assert a.receive() == frame(EVERYBODY, B)
    assert sorted(path.name for path in folder.iterdir()) == sorted({"ctl", second.data.name, late.data.name})
    lab.call("apply", spec=ports("a"))
    assert [row["name"] for row in lab.call("show", what="ports")] == ["a"]
    assert late.control.recv(10) == b""
    assert not folder.exists()


BAD = {
    "magic": peers.request(b"/tmp/x", magic=0xFEEDFACF),
    "version": peers.request(b"/tmp/x", version=2),
    "kind": peers.request(b"/tmp/x", kind=2),
    "family": peers.request(b"/tmp/x")[:12] + b"\x02" + peers.request(b"/tmp/x")[13:],
    "nowhere": peers.request(b"/nonexistent/x"),
    "unnamed": peers.request(b""),
    "text": b"GET / HTTP/1.1\r\n\r\n",
    "half": peers.request(b"/tmp/x")[:60],
}


def expect(lab: Lab, what: str, count: int) -> None:
    until(f"counter of {what}", lambda: lab.stats("v")["drops"]["bad-request"] == count)


def test_requests_out_of_specification_are_counted_and_disturb_nobody(lab: Lab) -> None:
    lab.start(spec({"name": "v", "kind": "vde"}))
    a, folder = lab.connect("a"), lab.dir / "ports" / "v"
    good = peers.Vde(folder, os.fsencode(lab.folder / "one"))
    for count, (what, data) in enumerate(BAD.items(), 1):
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(str(folder / "ctl"))
            control.settimeout(5)
            control.sendall(data)
            control.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                assert control.recv(200) == b"", what
        expect(lab, what, count)
    # Those who connect and say nothing do not keep others out, nor do they cost more than a few descriptors.
    silent = [socket.socket(socket.AF_UNIX) for _ in range(100)]
    for one in silent:
        one.connect(str(folder / "ctl"))
    late = peers.Vde(folder, os.fsencode(lab.folder / "late"))
    exchange(a, good)
    assert late.receive() == frame(EVERYBODY, B)
    exchange(a, late, address=C)
    assert lab.process is not None
    assert len(list(Path(f"/proc/{lab.process.pid}/fd").iterdir())) < 90
    for one in silent:
        one.close()
    assert good.receive() == frame(EVERYBODY, C)
    exchange(a, good)


def test_without_descriptors_those_who_come_wait_and_those_who_are_there_go_on(lab: Lab) -> None:
    lab.start(spec({"name": "v", "kind": "vde"}, {"name": "x", "kind": "stream"}))
    assert lab.process is not None
    a, good = lab.connect("a"), peers.Vde(lab.dir / "ports" / "v", os.fsencode(lab.folder / "one"))
    _, hard = before = resource.prlimit(lab.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(lab.process.pid, resource.RLIMIT_NOFILE, (3, hard))
    late = socket.socket(socket.AF_UNIX)
    late.connect(str(lab.dir / "ports" / "x"))
    with ThreadPoolExecutor() as pool:
        client = pool.submit(peers.Vde, lab.dir / "ports" / "v", os.fsencode(lab.folder / "two"))
        exchange(a, good)
        assert not client.done()
        resource.prlimit(lab.process.pid, resource.RLIMIT_NOFILE, before)
        exchange(a, client.result(), address=C)
    assert good.receive() == frame(EVERYBODY, C)
    exchange(a, good)
    until("carrier", lambda: carrier(lab, "x"))
    client.result().close()


@pytest.mark.parametrize("kind", [socket.SOCK_SEQPACKET, socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_an_inherited_socket_is_a_port(lab: Lab, kind: socket.SocketKind) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, kind)
    foreign = {"name": "x", "kind": "fd", "fd": theirs.fileno()}
    lab.start(spec(foreign), pass_fds=(theirs.fileno(),))
    theirs.close()
    peer = peers.Stream(ours) if kind == socket.SOCK_STREAM else peers.Plain(ours)
    a = lab.connect("a")
    exchange(a, peer)
    lab.call("apply", spec=ports("a"))
    lab.call("apply", spec=spec(foreign))
    assert lab.port("x")["socket"] == f"fd:{foreign['fd']}"
    exchange(a, peer)


def test_a_descriptor_that_nobody_gave_is_no_port(lab: Lab) -> None:
    lab.start(ports("a"), pass_fds=(2,))
    assert lab.process is not None
    for fd in (3, 5, 9, 100):
        with pytest.raises(ControlError, match=f"no descriptor {fd} was inherited"):
            lab.call("apply", spec=spec({"name": "x", "kind": "fd", "fd": fd}))
    lab.end()
    file = os.open(lab.folder, os.O_RDONLY)
    process = lab.spawn(spec({"name": "x", "kind": "fd", "fd": file}), pass_fds=(file,))
    os.close(file)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 1
    assert b"is no connected socket" in errors


def test_a_port_changes_its_kind_and_back(lab: Lab) -> None:
    lab.start(spec({"name": "x", "kind": "vde"}))
    a = lab.connect("a")
    for kind in ("bess", "vde", "stream", "vde", "guest"):
        answer = lab.call("apply", spec=spec({"name": "x", "kind": kind}))
        assert answer["changed"] == ["port x: changed"]
        assert lab.port("x")["kind"] == kind
    exchange(a, lab.connect("x"))


def test_what_a_switch_left_that_was_killed_is_in_nobodys_way(lab: Lab) -> None:
    kinds = ("vde", "bess", "guest", "vde")
    for kind in kinds:
        lab.start(spec({"name": "x", "kind": kind}))
        assert lab.port("x")["kind"] == kind
        assert lab.process is not None
        lab.process.kill()
        lab.end()
    lab.start(spec({"name": "x", "kind": "stream"}))
    exchange(lab.connect("a"), peers.stream(lab.dir / "ports" / "x"))
    assert lab.end() == 0
    assert not list(lab.dir.iterdir())


def test_show_ports_has_all_kinds_for_people(lab: Lab) -> None:
    lab.start(spec({"name": "v", "kind": "vde"}, {"name": "d", "kind": "dgram", "remote": "/nonexistent"}))
    client = peers.Vde(lab.dir / "ports" / "v", os.fsencode(lab.folder / "one"), more=b"me")
    shown: subprocess.CompletedProcess[str] = lab.command("show", "ports", "--dir", str(lab.dir))
    assert [line.split()[0] for line in shown.stdout.splitlines()] == ["name", "a", "v", "d", "v.1"]
    assert " me " in shown.stdout.splitlines()[-1]
    client.close()


def test_single_ports_come_change_and_go_while_frames_flow(lab: Lab) -> None:
    lab.start(ports("a", "b"))
    a, b = lab.connect("a"), lab.connect("b")
    at = ("lan", "--dir", str(lab.dir))

    def vether(*words: str) -> str:
        exchange(a, b)
        done = lab.command(words[0], *at, *words[1:])
        assert done.returncode == 0, done.stderr
        exchange(a, b)
        return done.stdout

    assert vether("add", "x", "kind=bess") == "port x: added\n"
    first = peers.bess(lab.dir / "ports" / "x")
    until("carrier", lambda: carrier(lab, "x"))
    assert vether("set", "x", "mac=52:54:00:00:00:05") == "port x: changed\n"
    assert (carrier(lab, "x"), lab.port("x")["mac"]) == (True, "52:54:00:00:00:05")
    assert vether("set", "x", "kind=stream", "mac=") == "port x: changed\n"
    assert (lab.port("x")["kind"], lab.port("x")["mac"]) == ("stream", None)
    while first.receive():
        pass  # what was flooded to it; then its end
    exchange(a, peers.stream(lab.dir / "ports" / "x"), address=C)
    assert b.receive() == frame(EVERYBODY, C)
    assert lab.command("del", *at, "x").stdout == "port x: removed\n"
    exchange(a, b)
    for words, code, text in (
        (("del", "x"), 2, "there is no port 'x'"),
        (("add", "a"), 2, "there is a port 'a' already"),
        (("add", "y", "kind=gast"), 2, "did you mean 'guest'?"),
        (("add", "y", "kind=fd", "fd=99"), 1, "no descriptor 99 was inherited"),
    ):
        done = lab.command(words[0], *at, *words[1:])
        assert (done.returncode, text in done.stderr) == (code, True), done.stderr
    assert [row["name"] for row in lab.call("show", what="ports")] == ["a", "b"]


def test_a_port_that_would_be_called_as_a_client_is_refused(lab: Lab) -> None:
    lab.start(spec({"name": "v", "kind": "vde"}))
    client = peers.Vde(lab.dir / "ports" / "v", os.fsencode(lab.folder / "one"))
    until("the client", lambda: len(lab.call("show", what="ports")) == 3)
    with pytest.raises(ControlError, match=r"cannot open port v\.1: there is a port v\.1 already"):
        lab.call("add", port={"name": "v.1"})
    exchange(lab.connect("a"), client)
    client.close()
    until("removal", lambda: len(lab.call("show", what="ports")) == 2)
    lab.call("add", port={"name": "v.1"})
    other = peers.Vde(lab.dir / "ports" / "v", os.fsencode(lab.folder / "two"), kind=1 << 8)
    until("the client", lambda: [r["name"] for r in lab.call("show", what="ports")] == ["a", "v", "v.1", "v.2"])
    other.close()
