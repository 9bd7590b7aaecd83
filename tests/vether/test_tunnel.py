"""Two real switch daemons and the encrypted tunnel between them, over loopback and between network namespaces."""

import contextlib
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.vether.lab import EVERYBODY, Guest, Lab, frame, mac, needs_namespaces, open_lab, ports, until
from vether import keys

SECRET = b"nobody else may read this line, which is quite long"


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Pair:
    """Two labs whose switches have each other as the peer `other`."""

    def __init__(self, labs: tuple[Lab, Lab], addresses: tuple[str, str], **more: object) -> None:
        self.labs = labs
        files = [lab.folder / "key" for lab in labs]
        publics = [keys.encode(keys.public(keys.generate(file))) for file in files]
        secret = keys.generate(labs[0].folder / "psk")
        (labs[1].folder / "psk").write_text(keys.encode(secret))
        (labs[1].folder / "psk").chmod(0o600)
        self.specs = [
            ports(
                "a",
                tunnel={"key": "key", "listen": addresses[i]},
                peers=[{"name": "other", "public_key": publics[1 - i], "endpoint": addresses[1 - i], "psk": "psk"}],
                **more,
            )
            for i in range(2)
        ]

    def start(self) -> None:
        for lab, spec in zip(self.labs, self.specs, strict=True):
            lab.start(spec)

    def until_up(self) -> None:
        until("peers", lambda: all(peer(lab)["up"] for lab in self.labs))


def peer(lab: Lab) -> dict[str, Any]:
    row: dict[str, Any] = lab.call("show", what="peers")[0]
    return row


@pytest.fixture
def pair() -> Iterator[Pair]:
    with open_lab() as one, open_lab() as two:
        yield Pair((one, two), (f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"))


def exchange(pair: Pair, guests: tuple[Guest, Guest], payload: bytes) -> None:
    sent = frame(EVERYBODY, mac(1), payload)
    guests[0].send(sent)
    assert guests[1].receive() == sent
    answer = frame(mac(1), mac(2), payload)
    guests[1].send(answer)
    assert guests[0].receive() == answer
    assert pair.labs[0].port("other")["carrier"]


def test_frames_cross_and_peers_are_shown(pair: Pair) -> None:
    pair.start()
    pair.until_up()
    guests = (pair.labs[0].connect("a"), pair.labs[1].connect("a"))
    for length in (46, 1500, 9000, 65000):
        exchange(pair, guests, bytes(i % 251 for i in range(length)))
    row = peer(pair.labs[0])
    assert row["endpoint"] == pair.specs[1]["tunnel"]["listen"]
    assert row["why"] is None
    assert row["rx_bytes"] > 75000
    assert until("mtu", lambda: peer(pair.labs[0])["mtu"] > 60000)
    printed = pair.labs[0].command("show", "peers", "--dir", str(pair.labs[0].dir)).stdout
    assert "other" in printed
    assert pair.labs[0].stats("other")["tx_frames"] >= 4


def test_a_switch_that_is_killed_is_reported_and_found_again(pair: Pair) -> None:
    pair.start()
    pair.until_up()
    guest = pair.labs[0].connect("a")
    pair.labs[1].end(signal.SIGKILL)
    begin = time.monotonic()
    until("report", lambda: not peer(pair.labs[0])["up"])
    assert time.monotonic() - begin < 10
    assert peer(pair.labs[0])["reason"] == "silent"
    assert not pair.labs[0].port("other")["carrier"]
    pair.labs[1].start(pair.specs[1])
    back = time.monotonic()
    other = pair.labs[1].connect("a")
    other.socket.settimeout(0.05)
    while True:
        assert time.monotonic() - back < 2, "traffic did not resume within 2 s"
        guest.send(frame(EVERYBODY, mac(1), SECRET))
        with contextlib.suppress(TimeoutError):
            assert other.receive().endswith(SECRET)
            break


@pytest.mark.parametrize(
    "others", [{"name": "wan"}, {"tunnel": {"network": "lab/lan"}}, {"name": "wan", "tunnel": {"network": "wan"}}]
)
def test_another_network_is_refused_by_name(pair: Pair, others: dict[str, Any]) -> None:
    pair.specs[1]["tunnel"].update(others.get("tunnel", {}))
    pair.specs[1]["name"] = others.get("name", "lan")
    pair.start()
    until("refusal", lambda: all(peer(lab)["reason"] == "wrong-network" for lab in pair.labs))
    for row in map(peer, pair.labs):
        assert "wrong-network" in row["why"]
        assert not row["up"]


def test_networks_of_one_name_between_switches_meet(pair: Pair) -> None:
    pair.specs[1]["name"] = "wan"
    for spec in pair.specs:
        spec["tunnel"]["network"] = "lab/lan"
    pair.start()
    until("tunnel", lambda: all(peer(lab)["up"] for lab in pair.labs))
    # Renamed, and still the same one to the other.
    spec = {**pair.labs[1].call("show", what="spec"), "name": "lan"}
    assert pair.labs[1].call("apply", spec=spec)["changed"] == ["name: lan"]


def test_peers_come_and_go_while_the_rest_stays(pair: Pair) -> None:
    pair.start()
    pair.until_up()
    lab, spec = pair.labs[0], pair.specs[0]
    absolute = {**spec, "tunnel": {**spec["tunnel"], "key": str(lab.folder / "key")}}
    gone = {**absolute, "peers": []}
    assert lab.call("apply", spec=gone)["changed"] == ["peer other: removed"]
    assert [port["name"] for port in lab.call("show", what="ports")] == ["a"]
    back = {**absolute, "peers": [{**spec["peers"][0], "psk": str(lab.folder / "psk")}]}
    assert lab.call("apply", spec=back)["changed"] == ["peer other: added"]
    pair.until_up()
    assert lab.call("apply", spec=back)["changed"] == []


def gateways_that_answer(guest: Guest, number: int) -> int:
    """Ask for the gateway's address (ARP) as machine `number`, and count the answers until all is quiet."""
    question = bytes.fromhex("0806 0001 0800 0604 0001") + mac(number) + bytes([10, 77, 0, 100 + number])
    guest.send((EVERYBODY + mac(number) + question + bytes(6) + bytes([10, 77, 0, 1])).ljust(60, b"\0"))
    answers = 0
    guest.socket.settimeout(1)
    with contextlib.suppress(TimeoutError):
        while True:
            got = guest.receive()
            answers += got[:6] == mac(number) and got[20:22] == b"\0\2"
    return answers


def test_each_switch_of_a_mesh_may_have_the_gateway_to_itself(pair: Pair) -> None:
    own = [{**spec, "gateway": True, "tunnel": {**spec["tunnel"], "gateway": False}} for spec in pair.specs]
    pair.specs = own
    pair.start()
    pair.until_up()
    guests = [lab.connect("a") for lab in pair.labs]
    assert [gateways_that_answer(guest, number) for number, guest in enumerate(guests, 1)] == [1, 1]
    places = [{row["mac"]: row["port"] for row in lab.call("show", what="fdb")} for lab in pair.labs]
    assert [place["52:55:0a:4d:00:01"] for place in places] == ["gateway", "gateway"]
    for lab, spec in zip(pair.labs, own, strict=True):
        tunnel = {**spec["tunnel"], "key": str(lab.folder / "key"), "gateway": True}
        peers = [{**spec["peers"][0], "psk": str(lab.folder / "psk")}]
        changed = lab.call("apply", spec={**spec, "tunnel": tunnel, "peers": peers})["changed"]
        assert "gateway: open to peers" in changed
    pair.until_up()
    until("both gateways", lambda: gateways_that_answer(guests[0], 1) == 2)


def test_strangers_are_counted_by_name(pair: Pair) -> None:
    pair.start()
    pair.until_up()
    host, port = pair.specs[0]["tunnel"]["listen"].split(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(b"hello", (host, int(port)))
        stranger.sendto(b"\1\0\0\0" + bytes(144), (host, int(port)))
        stranger.sendto(b"\4\0\0\0" + bytes(60), (host, int(port)))
    drops = until(
        "counters",
        lambda: (d := pair.labs[0].call("show", what="stats")["tunnel"]["drops"])["unknown-session"] and d,
    )
    assert drops["malformed"] == 1
    assert drops["bad-mac"] == 1
    assert drops["unknown-session"] == 1


class Namespaces:
    """Two hosts with a wire between them."""

    def __init__(self) -> None:
        self.names = [f"vt{uuid.uuid4().hex[:8]}{end}" for end in "ab"]

    def make(self, mtu: int) -> None:
        a, b = self.names
        for name in self.names:
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        ip(
            "link",
            "add",
            "wire",
            "netns",
            a,
            "mtu",
            str(mtu),
            "type",
            "veth",
            "peer",
            "name",
            "wire",
            "netns",
            b,
            "mtu",
            str(mtu),
        )
        for i, name in enumerate(self.names):
            ip("-n", name, "addr", "add", f"192.0.2.{i + 1}/24", "dev", "wire")
            ip("-n", name, "link", "set", "wire", "up")

    def close(self) -> None:
        for name in self.names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@pytest.fixture
def hosts() -> Iterator[Namespaces]:
    needs_namespaces()
    namespaces = Namespaces()
    try:
        namespaces.make(1500)
        yield namespaces
    except subprocess.CalledProcessError as error:
        pytest.skip(f"needs the right to make named network namespaces: {error.stderr.decode()}")
    finally:
        namespaces.close()


def host(lab: Lab, number: int, *command: str) -> subprocess.Popen[str]:
    arguments = [str(lab.dir / "ports" / "a"), f"02:00:00:00:00:0{number}", f"10.77.0.{number}/24", "-", "--"]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.vether.tap_guest", *arguments, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_jumbo_pings_pass_between_hosts_and_the_wire_shows_nothing(hosts: Namespaces, tmp_path: Path) -> None:
    prefixes = [("ip", "netns", "exec", name) for name in hosts.names]
    tap = subprocess.Popen(
        [*prefixes[0], sys.executable, "-m", "tests.vether.wiretap", "wire", str(tmp_path / "wire")],
        stdout=subprocess.PIPE,
    )
    try:
        assert tap.stdout is not None
        tap.stdout.readline()
        with open_lab(*prefixes[0]) as one, open_lab(*prefixes[1]) as two:
            pair = Pair((one, two), ("192.0.2.1:5870", "192.0.2.2:5870"), mtu=9000)
            pair.start()
            pair.until_up()
            other = host(two, 2, "sh", "-c", "ip link set eth0 mtu 9000; echo ready; exec cat")
            try:
                assert other.stdout is not None
                assert "ready" in other.stdout.readline()
                pings = [
                    f"ping -M do -c 3 -i 0.2 -W 3 -s {size} -p {SECRET[:16].hex()} 10.77.0.2" for size in (1472, 8972)
                ]
                me = host(one, 1, "sh", "-c", "ip link set eth0 mtu 9000; " + " && ".join(pings))
                output, _ = me.communicate(timeout=60)
            finally:
                # Its command ends with its input.
                other.communicate(timeout=30)
            assert me.returncode == 0, output
            assert output.count(" 0% packet loss") == 2, output
            assert 1400 < peer(one)["mtu"] <= 1472
    finally:
        tap.kill()
        tap.communicate()
    captured = (tmp_path / "wire").read_bytes()
    assert len(captured) > 60000, "the wire was not seen"
    assert SECRET[:16] not in captured
    assert b"network" not in captured, "the hello was seen"


def test_key_makes_a_private_file_and_shows_the_public_key(lab: Lab) -> None:
    path = lab.folder / "key"
    first = lab.command("key", str(path))
    assert first.returncode == 0, first.stderr
    assert path.stat().st_mode & 0o777 == 0o600
    assert first.stdout.strip() == keys.encode(keys.public(keys.read(path)))
    assert lab.command("key", str(path)).stdout == first.stdout
    assert lab.command("key", "--psk", str(lab.folder / "psk")).stdout == ""
    path.chmod(0o644)
    refused = lab.command("key", str(path))
    assert refused.returncode == 2
    assert "chmod 600" in refused.stderr


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"tunnel": None}, "they need a tunnel"),
        ({"tunnel": {"key": "nowhere"}}, "vether key"),
        ({"tunnel": {"key": "key", "listen": "5870"}}, "HOST:PORT"),
        ({"tunnel": {"key": "key", "split_horizon": False, "gateway": False}}, "set split_horizon = true"),
        ({"peers": [{"name": "a", "public_key": keys.encode(bytes(32))}]}, "a port 'a' already"),
        ({"peers": [{"name": "x", "public_key": "x"}]}, "not a key"),
        ({"peers": [{"name": "x", "public_key": keys.encode(bytes(32)), "endpoint": "::1:5"}]}, "brackets"),
        ({"peers": [{"name": "x", "public_key": keys.encode(bytes(32)), "endpoint": "[::1]:5"}]}, "IPv4"),
        ({"peers": [{"name": "x", "public_key": keys.encode(bytes(32)), "endpont": "h:5"}]}, "endpoint"),
        ({"peers": [{"name": n, "public_key": keys.encode(bytes(32))} for n in "xy"]}, "already"),
    ],
)
def test_mistakes_are_explained(pair: Pair, change: dict[str, Any], complaint: str) -> None:
    process = pair.labs[0].spawn(
        {key: value for key, value in {**pair.specs[0], **change}.items() if value is not None}
    )
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 2, stderr
    assert complaint in stderr.decode()
    assert b"Traceback" not in stderr
