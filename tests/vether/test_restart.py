"""Streams and spanning trees between hosts, each a network namespace, when something goes."""

import json
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.vether.hosts import Host, hosts, join
from tests.vether.lab import EVERYBODY, Guest, Lab, frame, mac, open_lab, until
from tests.vether.test_tunnel import Pair, peer


@pytest.fixture
def two_hosts() -> Iterator[list[Host]]:
    pytest.importorskip("pytun", reason="needs python-pytun")
    with hosts(2) as made:
        join(made[0], "192.0.2.1/24", made[1], "192.0.2.2/24")
        for number, host in enumerate(made, 1):
            # It stays while there is no switch, as a host's own devices do.
            host.ip("tuntap add dev t0 mode tap")
            host.ip(f"addr add 10.77.0.{number}/24 dev t0")
            host.ip("link set t0 up")
        yield made


SERVER = """
import socket, sys
server = socket.create_server(("10.77.0.2", 7000))
print("ready", flush=True)
stream, _ = server.accept()
want = 0
while data := stream.recv(65536):
    for byte in data:
        assert byte == want % 251, want
        want += 1
print(want, flush=True)
"""

CLIENT = """
import socket, sys, time
stream = socket.create_connection(("10.77.0.2", 7000), timeout=10)
stream.settimeout(60)
sent, begin = 0, time.monotonic()
while sent < 640000:
    stream.sendall(bytes((sent + i) % 251 for i in range(6400)))
    sent += 6400
    time.sleep(max(0, begin + sent / 64000 - time.monotonic()))
stream.shutdown(socket.SHUT_WR)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_stream_of_64_kb_a_second_outlives_the_restart_of_a_switch(
    two_hosts: list[Host], number: signal.Signals
) -> None:
    one, two = two_hosts
    with open_lab(*one.prefix) as here, open_lab(*two.prefix) as there:
        pair = Pair((here, there), ("192.0.2.1:5870", "192.0.2.2:5870"))
        for spec in pair.specs:
            spec["ports"] = [{"name": "t0", "kind": "tap"}]
        pair.start()
        pair.until_up()
        until("ping", lambda: one.ping("10.77.0.2", count=1))
        server = two.spawn(sys.executable, "-c", SERVER, stdout=subprocess.PIPE)
        client: subprocess.Popen[bytes] | None = None
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == b"ready\n"
            client = one.spawn(sys.executable, "-c", CLIENT)
            time.sleep(2)
            there.end(number)
            time.sleep(1)
            there.start(pair.specs[1])
            assert client.wait(60) == 0
            assert server.stdout.readline() == b"640000\n"
            assert server.wait(20) == 0
        finally:
            for process in (server, client):
                if process is not None:
                    process.kill()
                    process.communicate()


def test_frames_that_the_host_finds_too_long_are_counted_and_the_next_ones_fit(two_hosts: list[Host]) -> None:
    one, two = two_hosts
    with open_lab(*one.prefix) as here, open_lab(*two.prefix) as there:
        pair = Pair((here, there), ("192.0.2.1:5870", "192.0.2.2:5870"))
        pair.start()
        pair.until_up()
        within(30, lambda: peer(here)["mtu"] > 1400)
        guest, far = here.connect("a"), there.connect("a")
        wire = next(row["ifname"] for row in json.loads(one.run("ip", "-j", "link").stdout) if row["ifname"][0] == "w")
        one.ip(f"link set {wire} mtu 1300")
        sent = frame(EVERYBODY, mac(1), bytes(1380))
        guest.send(sent)

        def arrives() -> bool:
            guest.send(sent)
            return bool(select.select([far.socket], [], [], 0.2)[0]) and far.receive() == sent

        within(30, arrives)
        assert peer(here)["mtu"] <= 1272
        assert here.call("show", what="stats")["tunnel"]["drops"]["send-failed"] >= 1


def tree(lab: Lab) -> dict[str, tuple[str, str]]:
    return {row["port"]: (row["role"], row["state"]) for row in lab.call("show", what="stp")["ports"]}


def test_the_kernels_bridge_with_stp_behind_two_taps(lab: Lab) -> None:
    pytest.importorskip("pytun", reason="needs python-pytun")
    with hosts(1) as (host,):
        host.ip("link add br0 type bridge stp_state 1 forward_delay 200 hello_time 100 max_age 600 priority 4096")
        host.ip("addr add 10.77.0.1/24 dev br0")
        host.ip("link set br0 up")
        lab.prefix = host.prefix
        taps = [{"name": name, "kind": "tap", "bridge": "br0"} for name in ("t0", "t1")]
        spec: dict[str, Any] = {"name": "lan", "gateway": False, "stp": {}, "ports": [*taps, {"name": "g"}]}
        lab.start(spec)
        guest = lab.connect("g")
        root, alternate = ("root", "forwarding"), ("alternate", "discarding")
        within(30, lambda: [tree(lab)[name] for name in ("t0", "t1")] == [root, alternate])
        within(30, lambda: answers(guest))
        # Of the two ways to the bridge one is closed: what is flooded comes back to nobody.
        assert echoes(guest) == 0
        host.ip("link set t0 down")
        within(30, lambda: tree(lab)["t1"] == root)
        within(30, lambda: answers(guest))
        assert echoes(guest) == 0


def within(seconds: float, done: Callable[[], bool]) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.05)


def answers(guest: Guest) -> bool:
    """Whether the bridge's host answers an ARP request."""
    request = bytes.fromhex("0001080006040001") + mac(1) + bytes([10, 77, 0, 9]) + bytes(6) + bytes([10, 77, 0, 1])
    guest.send(EVERYBODY + mac(1) + b"\x08\x06" + request)
    end = time.monotonic() + 0.5
    while select.select([guest.socket], [], [], max(end - time.monotonic(), 0))[0]:
        got = guest.receive()
        if got[12:14] == b"\x08\x06" and got[20:22] == b"\x00\x02" and got[:6] == mac(1):
            return True
    return False


def echoes(guest: Guest) -> int:
    """How many of 100 broadcasts came back to who sent them."""
    for number in range(100):
        guest.send(frame(EVERYBODY, mac(1), b"round and round" + bytes([number])))
    count = 0
    while select.select([guest.socket], [], [], 0.5)[0]:
        count += b"round and round" in guest.receive()
    return count
