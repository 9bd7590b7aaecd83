"""Ports that listen for a peer (`bess`, `stream`): frames of any cut, peers that stall, come, go and lie."""

import contextlib
import os
import random
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.vether import peers
from tests.vether.foreign import A, B, carrier, exchange, spec
from tests.vether.lab import Lab, frame, ports, until
from vether.control import ControlError


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
