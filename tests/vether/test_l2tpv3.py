"""L2TPv3 against QEMU, which relays between its `l2tpv3` and a datagram socket of the test, and a second switch."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.vether.lab import EVERYBODY, Lab, frame, mac, open_lab, until

QEMU = "qemu-system-riscv64"


@pytest.fixture
def second() -> Iterator[Lab]:
    with open_lab() as lab:
        yield lab


def free_ports(count: int) -> list[int]:
    """Return UDP ports that were free a moment ago."""
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
    try:
        for sock in sockets:
            sock.bind(("127.0.0.1", 0))
        return [sock.getsockname()[1] for sock in sockets]
    finally:
        for sock in sockets:
            sock.close()


def spec(own: int, other: int, **more: object) -> dict[str, Any]:
    tunnel = {"name": "l", "kind": "l2tpv3", "local": "127.0.0.1", "port": own, "peer": f"127.0.0.1:{other}", **more}
    return {"name": "lan", "gateway": False, "ports": [tunnel, {"name": "g"}]}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"session": 1}, "txsession=1,rxsession=1"),
        (
            {"session": 7, "local_session": 4000000000, "counter": True, "cookie": "0102030405060718", "offset": 4}
            | {"local_cookie": "1122334455667788"},
            "rxsession=7,txsession=4000000000,counter=on,cookie64=on,offset=4"
            ",rxcookie=72623859790382872,txcookie=1234605616436508552",
        ),
    ],
)
def test_frames_cross_qemu_both_ways(lab: Lab, ours: dict[str, object], theirs: str) -> None:
    if shutil.which(QEMU) is None:
        pytest.skip(f"needs {QEMU}")
    own, other = free_ports(2)
    lab.start(spec(own, other, **ours))
    guest = lab.connect("g")
    near, far = lab.folder / "near", lab.folder / "far"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as wire:
        wire.bind(str(near))
        wire.settimeout(10)
        qemu = relay(f"src=127.0.0.1,dst=127.0.0.1,udp=on,srcport={other},dstport={own},{theirs}", far, near)
        try:
            until("QEMU", far.exists)
            wire.connect(str(far))
            for payload in (b"x" * 46, bytes(1500)):
                wire.send(frame(EVERYBODY, mac(1), payload))
                assert guest.receive() == frame(EVERYBODY, mac(1), payload)
                guest.send(frame(mac(1), mac(2), payload))
                assert wire.recv(70000) == frame(mac(1), mac(2), payload)
        finally:
            qemu.kill()
            qemu.wait()
    assert sum(lab.stats("l")["drops"].values()) == 0


def relay(l2tpv3: str, own: Path, other: Path) -> "subprocess.Popen[bytes]":
    """Start a QEMU without a machine, whose hub joins both."""
    command = [QEMU, "-machine", "none", "-nodefaults", "-display", "none"]
    for number, netdev in enumerate(
        (
            f"l2tpv3,id=n0,{l2tpv3}",
            f"dgram,id=n1,local.type=unix,local.path={own},remote.type=unix,remote.path={other}",
        )
    ):
        command += ["-netdev", netdev, "-netdev", f"hubport,id=h{number},hubid=0,netdev=n{number}"]
    return subprocess.Popen(command)


def test_two_switches_speak_and_strangers_are_counted(lab: Lab, second: Lab) -> None:
    own, other = free_ports(2)
    both = {"session": 5, "cookie": "aabbccdd", "local_cookie": "aabbccdd"}
    lab.start(spec(own, other, **both))
    second.start(spec(other, own, **both))
    a, b = lab.connect("g"), second.connect("g")
    a.send(frame(EVERYBODY, mac(1), bytes(9000)))
    assert b.receive() == frame(EVERYBODY, mac(1), bytes(9000))
    b.send(frame(mac(1), mac(2)))
    assert a.receive() == frame(mac(1), mac(2))
    a.send(frame(EVERYBODY, mac(1), bytes(65500)))
    until("count", lambda: lab.stats("l")["drops"]["too-big"])
    header = bytes.fromhex("0003000000000005aabbccdd")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(header + frame(EVERYBODY, mac(3)), ("127.0.0.1", own))
    until("count", lambda: lab.stats("l")["drops"]["stranger"])
    # The peer's own address, and what it should not say.
    second.end()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", other))
        wrong = [b"\x80" + header[1:], b"\0\2" + header[2:], header[:6], header[:7] + b"\6" + header[8:]]
        for message in (*wrong, header[:8] + b"\0" + header[9:]):
            peer.sendto(message, ("127.0.0.1", own))
        expected = {"bad-encapsulation": 3, "wrong-network": 1, "bad-cookie": 1}
        until("counts", lambda: expected.items() <= lab.stats("l")["drops"].items())
        peer.sendto(header + frame(EVERYBODY, mac(3)), ("127.0.0.1", own))
        assert a.receive() == frame(EVERYBODY, mac(3))
