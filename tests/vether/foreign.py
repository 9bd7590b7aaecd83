"""What tests of ports of other kinds than guests' share: one beside the guest `a`, and frames both ways."""

import os
from typing import Any

from tests.vether.lab import EVERYBODY, Lab, frame, mac, ports

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
