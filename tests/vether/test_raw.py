"""A raw interface: one end of a veth pair, with a host's stack at the other end."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.vether.hosts import Host, hosts
from tests.vether.lab import Guest, Lab, frame, mac, until


@pytest.fixture
def pair() -> Iterator[list[Host]]:
    with hosts(2) as made:
        yield made


def start(lab: Lab, a: Host, b: Host, *more: dict[str, object]) -> None:
    """`r0` is the switch's; the other end of the pair, `e0`, is b's."""
    a.ip(f"link add r0 type veth peer name e0 netns {b.name}")
    a.ip("link set r0 up")
    b.ip("link set e0 up")
    b.ip("addr add 10.9.0.2/24 dev e0")
    lab.prefix = a.prefix
    lab.start({"name": "lan", "gateway": False, "ports": [{"name": "r", "kind": "raw", "device": "r0"}, *more]})


def test_stacks_reach_each_other_with_segments_and_partial_checksums(lab: Lab, pair: list[Host]) -> None:
    a, b = pair
    start(lab, a, b, {"name": "t", "kind": "tap", "host_addresses": ["10.9.0.1/24"]})
    assert a.ping("10.9.0.2", 1472)
    assert b.ping("10.9.0.1")
    for sender, receiver, address in ((a, b, "10.9.0.2"), (b, a, "10.9.0.1")):
        sink = receiver.spawn(sys.executable, "-c", SINK.format(address=address), stdout=subprocess.PIPE)
        assert sink.stdout is not None
        assert sink.stdout.readline() == b"ready\n"
        code = f"import socket; c = socket.create_connection(('{address}', 5000)); c.sendall(bytes(20_000_000))"
        sender.run(sys.executable, "-c", code)
        assert sink.communicate(timeout=20)[0] == b"20000000\n"
    frames = int(lab.stats("r")["rx_frames"]) + int(lab.stats("r")["tx_frames"])
    assert frames < 40_000_000 / 1448, "segments were cut"
    assert lab.stats("r")["drops"]["bad-offload"] == 0


SINK = """
import socket
s = socket.create_server(("{address}", 5000)); print("ready", flush=True)
c, _ = s.accept(); n = 0
while b := c.recv(1 << 20): n += len(b)
print(n)
"""


def test_tags_stay_and_what_the_host_sends_is_not_heard(lab: Lab, pair: list[Host]) -> None:
    a, b = pair
    start(lab, a, b, {"name": "g"})
    guest = lab.connect("g")
    send = "import socket; s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(('{}', 0)); s.send({!r})"
    for tag in (b"\x81\x00\x60\x05", b"\x88\xa8\x00\x07\x81\x00\x00\x05"):
        tagged = frame(mac(9), mac(4))[:12] + tag + frame(mac(9), mac(4))[12:]
        b.run(sys.executable, "-c", send.format("e0", tagged))
        assert from_station(guest, mac(4)) == tagged
    # Frames for others come in, too, and tagged ones go out as they are: the kernel shows them without the outer tag.
    b.run(sys.executable, "-c", send.format("e0", frame(mac(8), mac(7))))
    assert from_station(guest, mac(7)) == frame(mac(8), mac(7))
    sniffer = b.spawn(sys.executable, "-c", SNIFF, stdout=subprocess.PIPE)
    assert sniffer.stdout is not None
    assert sniffer.stdout.readline() == b"ready\n"
    guest.send(tagged)
    assert sniffer.communicate(timeout=15)[0].strip().decode() == "7 " + (tagged[:12] + tagged[16:]).hex()
    a.run(sys.executable, "-c", send.format("r0", frame(mac(9), mac(6))))
    b.run(sys.executable, "-c", send.format("e0", frame(mac(9), mac(5))))
    seen = set()
    while mac(5) not in seen:
        seen.add(guest.receive()[6:12])
    assert mac(6) not in seen


SNIFF = """
import socket, struct
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)); s.bind(("e0", 3)); s.settimeout(10)
s.setsockopt(263, 8, 1)
print("ready", flush=True)
while True:
    p, (control, *_), _, _ = s.recvmsg(2000, 100)
    if p[6:12] == bytes([2, 0, 0, 0, 0, 4]):
        break
print(struct.unpack_from("=H", control[2], 16)[0], p.hex())
"""


def from_station(guest: Guest, station: bytes) -> bytes:
    """Return the next frame of a station; others, such as the kernel's own, are of no interest."""
    while (heard := guest.receive())[6:12] != station:
        pass
    return heard


def test_an_interface_that_goes_down_comes_back(lab: Lab, pair: list[Host]) -> None:
    a, b = pair
    start(lab, a, b, {"name": "t", "kind": "tap", "host_addresses": ["10.9.0.1/24"]})
    assert a.ping("10.9.0.2")
    a.ip("link set r0 down")
    assert not a.ping("10.9.0.2", count=1)
    a.ip("link set r0 up")
    until("answer", lambda: a.ping("10.9.0.2", count=1))


@pytest.mark.parametrize(
    ("device", "message", "code"),
    [("nosuch", "there is no interface nosuch", 1), ("a/b", "is not an interface's name", 2)],
)
def test_what_cannot_be_is_said(lab: Lab, pair: list[Host], device: str, message: str, code: int) -> None:
    lab.prefix = pair[0].prefix
    process = lab.spawn({"name": "lan", "gateway": False, "ports": [{"name": "r", "kind": "raw", "device": device}]})
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, message in errors.decode()) == (code, True), errors


def test_without_the_right_it_exits_5(lab: Lab, pair: list[Host]) -> None:
    lab.folder.chmod(0o777)
    lab.prefix = [*pair[0].prefix, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    process = lab.spawn({"name": "lan", "gateway": False, "ports": [{"name": "r", "kind": "raw", "device": "lo"}]})
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 5, errors
    assert "--ambient-caps=+net_raw COMMAND" in errors.decode()
