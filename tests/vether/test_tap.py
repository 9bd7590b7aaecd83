"""TAPs of a real switch: the host's stacks behind them, offloads, bridges, and what is said where there is none."""

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vether.hosts import Host, hosts
from tests.vether.lab import EVERYBODY, Lab, frame, mac, until
from vether.control import ControlError

pytest.importorskip("pytun", reason="needs python-pytun")


@pytest.fixture
def pair() -> Iterator[list[Host]]:
    with hosts(2) as made:
        yield made


def spec(*ports: dict[str, object]) -> dict[str, object]:
    return {"name": "lan", "gateway": False, "ports": list(ports)}


def tap(name: str, **more: object) -> dict[str, object]:
    return {"name": name, "kind": "tap", **more}


def start(lab: Lab, host: Host, *ports: dict[str, object]) -> None:
    lab.prefix = host.prefix
    lab.start(spec(*ports))


def link(host: Host, name: str) -> dict[str, object]:
    row: dict[str, object] = json.loads(host.run("ip", "-j", "-d", "link", "show", name).stdout)[0]
    return row


def move(a: Host, b: Host, name: str, address: str, mtu: int = 1500) -> None:
    """Give the TAP `name` to another host, where an address of it is."""
    a.ip(f"link set {name} netns {b.name}")
    b.ip(f"link set {name} mtu {mtu} up")
    b.ip(f"addr add {address} dev {name}")


def test_two_stacks_reach_each_other_with_ordinary_and_jumbo_frames(lab: Lab, pair: list[Host]) -> None:
    a, b = pair
    start(lab, a, tap("t0", host_addresses=["10.9.0.1/24", "fd09::1/64"], mtu=9000), tap("t1", up=False))
    assert [lab.port(name)["offloads"] for name in ("t0", "t1")] == [15, 15]
    move(a, b, "t1", "10.9.0.2/24", 9000)
    assert a.ping("10.9.0.2")
    assert a.ping("10.9.0.2", 8972)
    # 64 KiB segments pass as they are: far fewer frames than a stream of 8960-byte segments has.
    size = 50_000_000
    receiver = b.spawn(sys.executable, "-c", RECEIVE.format(address="10.9.0.2"), stdout=subprocess.PIPE)
    assert receiver.stdout is not None
    assert receiver.stdout.readline() == b"ready\n"
    before = int(str(lab.stats("t0")["rx_frames"]))
    a.run(sys.executable, "-c", SEND.format(address="10.9.0.2", size=size))
    out, _ = receiver.communicate(timeout=20)
    assert int(out) == size
    assert int(str(lab.stats("t0")["rx_frames"])) - before < size / 8960 / 2
    # What came for it while it was still down is another matter.
    assert {name for name, count in lab.stats("t1")["drops"].items() if count} <= {"send-failed"}


RECEIVE = """
import socket
s = socket.create_server(("{address}", 5000)); print("ready", flush=True)
c, _ = s.accept(); n = 0
while b := c.recv(1 << 20): n += len(b)
print(n)
"""
SEND = """
import socket
c = socket.create_connection(("{address}", 5000), timeout=10)
c.sendall(bytes({size})); c.close()
"""


def test_a_segment_for_a_tap_is_cut_for_a_guest_that_takes_none(lab: Lab, pair: list[Host]) -> None:
    a, _ = pair
    start(lab, a, tap("t0", host_addresses=["10.9.0.1/24"]), {"name": "g"})
    guest = lab.connect("g")
    # An answer to a broadcast: the host's own stack speaks to a guest, with a checksum that it left to us.
    arp = b"\x00\x01\x08\x00\x06\x04\x00\x01" + mac(9) + bytes([10, 9, 0, 2]) + bytes(6) + bytes([10, 9, 0, 1])
    guest.send(EVERYBODY + mac(9) + b"\x08\x06" + arp)
    while (answer := guest.receive())[12:14] != b"\x08\x06":
        pass
    assert answer[:6] == mac(9)
    assert answer[28:32] == bytes([10, 9, 0, 1])


def test_a_bridge_takes_the_device_and_its_mtu_is_set(lab: Lab, pair: list[Host]) -> None:
    a, _ = pair
    a.ip("link add br0 type bridge")
    start(lab, a, tap("t0", bridge="br0", mtu=1400), tap("t1", device="other", up=False))
    row = link(a, "t0")
    assert (row["master"], row["mtu"], "UP" in str(row["flags"])) == ("br0", 1400, True)
    assert "UP" not in str(link(a, "other")["flags"])
    # A device that we made goes with its port.
    lab.call("apply", spec=spec(tap("t1", device="other")))
    assert "UP" in str(link(a, "other")["flags"])
    until("end of t0", lambda: a.run("ip", "link", "show", "t0", check=False).returncode)


def test_a_device_that_goes_down_or_away_harms_nobody(lab: Lab, pair: list[Host]) -> None:
    a, _ = pair
    start(lab, a, tap("t0"), {"name": "g"}, {"name": "h"})
    g, h = lab.connect("g"), lab.connect("h")
    a.ip("link set t0 down")
    g.send(frame(EVERYBODY, mac(1)))
    while h.receive() != frame(EVERYBODY, mac(1)):  # the host's own, of before
        pass
    until("count", lambda: lab.stats("t0")["drops"]["send-failed"])
    assert lab.port("t0")["carrier"]
    a.ip("link del t0")
    until("loss of carrier", lambda: not lab.port("t0")["carrier"])
    g.send(frame(EVERYBODY, mac(1)))
    assert h.receive() == frame(EVERYBODY, mac(1))


@pytest.mark.parametrize(
    ("port", "message", "hint", "code"),
    [
        (tap("t0", bridge="nobr"), "there is no interface nobr", "ip link", 1),
        (tap("t0", bridge="lo"), "lo is not a bridge", "ip link add lo type bridge", 1),
        (tap("t0", device="lo"), "cannot open the TAP lo", "no TAP", 1),
        (tap("a" * 16), "is not an interface's name", "15 characters", 2),
        (tap("t0", host_addresses=["10.9.0.300/24"]), "ports[0].host_addresses[0]", "10.77.0.1/24", 2),
        (tap("t0", mtu=20), "ports[0].mtu: 20 is not between 68 and 65521", "", 2),
    ],
)
def test_what_cannot_be_is_said(  # noqa: PLR0917
    lab: Lab, pair: list[Host], port: dict[str, object], message: str, hint: str, code: int
) -> None:
    lab.prefix = pair[0].prefix
    process = lab.spawn(spec(port))
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, message in errors.decode(), hint in errors.decode()) == (code, True, True), errors


def test_without_the_right_it_exits_5_with_the_command_that_grants_it(lab: Lab) -> None:
    if os.geteuid() != 0 or shutil.which("setpriv") is None or not Path("/dev/net/tun").exists():
        pytest.skip("needs root, to give it up, and setpriv")
    lab.folder.chmod(0o755)
    os.chown(lab.folder, 65534, 65534)
    lab.prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    process = lab.spawn(spec(tap("vether-none")))
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 5, errors
    assert "ip tuntap add dev vether-none mode tap user" in errors.decode()


def test_an_ordinary_user_has_what_root_granted(lab: Lab, pair: list[Host]) -> None:
    a, _ = pair
    a.ip("tuntap add dev t0 mode tap user 65534")
    a.ip("link set t0 mtu 9000 up")
    a.ip("addr add 10.9.0.1/24 dev t0")
    lab.folder.chmod(0o755)
    os.chown(lab.folder, 65534, 65534)
    # Not every machine leaves /dev/net/tun open to all; that of the test's own mount namespace is.
    node = lab.folder / "tun"
    os.mknod(node, 0o666 | stat.S_IFCHR, os.makedev(10, 200))
    node.chmod(0o666)
    opened = ["sh", "-c", f'mount --bind {node} /dev/net/tun && exec "$@"', "sh"]
    lab.prefix = [*a.prefix, *opened, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    lab.start(spec(tap("t0", mtu=9000, host_addresses=["10.9.0.1/24"]), {"name": "g"}))
    assert lab.port("t0")["offloads"] == 15
    assert a.run("ping", "-c", "1", "-W", "1", "10.9.0.2", check=False).returncode == 1
    assert int(str(lab.stats("t0")["rx_frames"])) > 0
    # What was not granted is said with the command for root, and what there was stays.
    with pytest.raises(ControlError, match="cannot set the MTU to 1400") as caught:
        lab.call("apply", spec=spec(tap("t0", mtu=1400, host_addresses=["10.9.0.1/24", "10.9.0.2/24"]), {"name": "g"}))
    hint = "let root do it: ip link set t0 mtu 1400; ip addr add 10.9.0.2/24 dev t0"
    assert (caught.value.code, caught.value.hint) == ("host-lacks", hint)
    assert lab.port("t0")["carrier"]
    until(
        "frames", lambda: a.run("ping", "-c", "1", "-W", "1", "10.9.0.2", check=False) and lab.stats("t0")["rx_frames"]
    )
    lab.end()
    assert link(a, "t0")["mtu"] == 9000, "a device that we did not make stays"
