"""Ports of datagrams (`dgram`): peers that are found and that stall."""

import contextlib

from tests.vether import peers
from tests.vether.foreign import A, B, carrier, exchange, spec
from tests.vether.lab import EVERYBODY, Lab, frame, until


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
