"""The kernel's bridge with STP beside one of ours, in a network namespace of their own.

`python -m tests.vether.stp_neighbour SCENARIO` prints what was seen as JSON; the exit code is 0 if all came to be.
The bridges are joined by two veth pairs; our ends are raw packet sockets.
"""

import json
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import trio

from tests.vether.tap_guest import unshare
from vether.rstp import GROUP_ADDRESS, Bridge, BridgeConfig, PortConfig
from vether.rstp.shell import Shell

ADDRESS = bytes.fromhex("020000000009")
SOL_PACKET, PACKET_ADD_MEMBERSHIP, PACKET_MR_MULTICAST, PACKET_OUTGOING = 263, 1, 0, 4
ETH_P_802_2 = 0x0004
PATIENCE = 25.0


def ip(arguments: str) -> None:
    subprocess.run(["ip", *arguments.split()], check=True)


class Packets:
    """Our ports: raw sockets at the near ends of the veth pairs. No frames are forwarded between them."""

    def __init__(self) -> None:
        self.sockets: dict[str, socket.socket] = {}
        self.states: dict[str, str] = {}
        self.flushes: list[str] = []

    def open(self, port: str) -> socket.socket:
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_802_2))
        sock.bind((port, ETH_P_802_2))
        request = struct.pack("iHH8s", socket.if_nametoindex(port), PACKET_MR_MULTICAST, 6, GROUP_ADDRESS)
        sock.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, request)
        self.sockets[port] = sock
        return sock

    def transmit(self, port: str, frame: bytes) -> None:
        self.sockets[port].send(frame)

    def set_state(self, port: str, state: str) -> None:
        self.states[port] = state

    def flush(self, port: str) -> None:
        self.flushes.append(port)


async def listen(shell: Shell, port: str, sock: socket.socket) -> None:
    sock.setblocking(False)
    while True:
        await trio.lowlevel.wait_readable(sock)
        try:
            frame, address = sock.recvfrom(2048)
        except OSError:  # the interface is down
            await trio.sleep(0.05)
            continue
        if address[2] != PACKET_OUTGOING:
            shell.receive_untrusted(port, frame)


async def until(what: str, done: Callable[[], bool], tell: Callable[[], object]) -> float:
    begin = time.monotonic()
    while not done():
        if time.monotonic() - begin > PATIENCE:
            raise SystemExit(f"not within {PATIENCE} s: {what}; there is {tell()}")
        await trio.sleep(0.05)
    return time.monotonic() - begin


class Lab:
    def __init__(self, kernel_priority: int, our_priority: int) -> None:
        ip("link set lo up")
        ip("link add br0 type bridge stp_state 1 forward_delay 200 hello_time 100 max_age 600")
        ip(f"link set br0 type bridge priority {kernel_priority}")
        ip("link set br0 address 02:00:00:00:00:01")
        for i in range(2):
            ip(f"link add k{i} type veth peer name v{i}")
            ip(f"link set k{i} master br0")
            for name in (f"k{i}", f"v{i}"):
                ip(f"link set {name} up")
        ip("link set br0 up")
        self.packets = Packets()
        self.links: dict[str, Any] = {}
        self.look()
        times = {"hello_time": 1, "max_age": 6, "forward_delay": 4}
        config = BridgeConfig(address=ADDRESS, priority=our_priority, **times)
        self.bridge = Bridge(config, trio.current_time())
        self.shell = Shell(self.bridge, self.packets)

    def look(self) -> None:
        """Read what the kernel knows. (Not from /sys: that is of the namespace that mounted it.)"""
        done = subprocess.run(["ip", "-d", "-j", "link", "show"], capture_output=True, check=True)
        self.links = {link["ifname"]: link for link in json.loads(done.stdout)}

    async def watch(self) -> None:
        """Tell the bridge of the links' carriers."""
        up: set[str] = set()
        while True:
            self.look()
            now = {port for port in self.packets.sockets if "LOWER_UP" in self.links[port]["flags"]}
            for port in up ^ now:
                self.shell.set_link(port, up=port in now)
            up = now
            await trio.sleep(0.1)

    async def start(self, nursery: trio.Nursery) -> None:
        nursery.start_soon(self.shell.run)
        for port in ("v0", "v1"):
            self.shell.do(self.bridge.add_port(PortConfig(name=port), self.shell.now))
            nursery.start_soon(listen, self.shell, port, self.packets.open(port))
        nursery.start_soon(self.watch)

    def kernel(self, name: str) -> Any:
        return self.links["br0"]["linkinfo"]["info_data"][name]

    def kernel_states(self) -> dict[str, str]:
        return {name: self.links[name]["linkinfo"]["info_slave_data"]["state"] for name in ("k0", "k1")}

    def ours(self) -> dict[str, tuple[str, str, str]]:
        rows = self.bridge.show(self.shell.now)["ports"]
        return {row["port"]: (row["role"], row["state"], row["version"]) for row in rows}

    def seen(self) -> dict[str, Any]:
        counters = {port.config.name: port.counters for port in self.bridge.ports}
        return {
            "kernel": self.kernel_states(),
            "root_port": self.kernel("root_port"),
            "ours": self.ours(),
            "n": counters,
        }

    def count(self, what: str) -> int:
        return sum(port.counters.get(what, 0) for port in self.bridge.ports)


async def kernel_is_root(lab: Lab) -> dict[str, Any]:
    agreed = {"v0": ("root", "forwarding", "stp"), "v1": ("alternate", "discarding", "stp")}
    forwarding = {"k0": "forwarding", "k1": "forwarding"}
    await until("agreement", lambda: lab.ours() == agreed and lab.kernel_states() == forwarding, lab.seen)
    shown = lab.bridge.show(lab.shell.now)
    assert (shown["hello_time"], shown["max_age"], shown["forward_delay"]) == (1, 6, 2)
    # The change that the first start made is over, so that the next one is seen.
    await until("rest", lambda: lab.kernel("topology_change") == 0, lab.seen)
    before = lab.count("tx-tcn")
    ip("link set k0 down")
    moved = await until("the other port", lambda: lab.ours()["v1"][:2] == ("root", "forwarding"), lab.seen)
    await until("TCN", lambda: lab.count("tx-tcn") > before, lab.seen)
    await until("topology change at the root", lambda: lab.kernel("topology_change") == 1, lab.seen)
    await until("acknowledgement", lambda: lab.bridge.port("v1").tcWhile == 0, lab.seen)
    return {"moved": moved}


async def ours_is_root(lab: Lab) -> dict[str, Any]:
    designated = dict.fromkeys(("v0", "v1"), ("designated", "forwarding", "stp"))
    agreed = {"k0": "forwarding", "k1": "blocking"}
    await until("agreement", lambda: lab.ours() == designated and lab.kernel_states() == agreed, lab.seen)
    # (Its root_id would tell nothing: iproute2 prints the bridge's own there.)
    assert (lab.kernel("root_port"), lab.kernel("root_path_cost") > 0) == (1, True)
    # The TC flag is raised for max_age + forward_delay after a change; the next one is told apart after that.
    await until("rest", lambda: not any(port.tcWhile for port in lab.bridge.ports), lab.seen)
    before, flushes, changes = lab.count("rx-tcn"), len(lab.packets.flushes), lab.bridge.topology_changes
    # A new port at the kernel's bridge: one that it is designated for, so that it has to tell.
    ip("link add k2 type veth peer name v2")
    for command in ("k2 master br0", "k2 up", "v2 up"):
        ip(f"link set {command}")
    await until("TCN", lambda: lab.count("rx-tcn") > before, lab.seen)
    await until("acknowledgement", lambda: lab.kernel("topology_change_detected") == 0, lab.seen)
    ip("link set k0 down")
    await until("the other port", lambda: lab.kernel_states()["k1"] == "forwarding", lab.seen)
    return {"flushes": len(lab.packets.flushes) - flushes, "changes": lab.bridge.topology_changes - changes}


async def main(name: str) -> None:
    scenario, priorities = {
        "kernel-is-root": (kernel_is_root, (4096, 32768)),
        "ours-is-root": (ours_is_root, (32768, 4096)),
    }[name]
    lab = Lab(*priorities)
    async with trio.open_nursery() as nursery:
        await lab.start(nursery)
        result = await scenario(lab)
        nursery.cancel_scope.cancel()
    print(json.dumps({**result, "seen": lab.seen()}))


def probe() -> None:
    """Fail where there is no bridge with STP, no veth or no packet socket to be had."""
    ip("link add br0 type bridge stp_state 1")
    ip("link add k0 type veth peer name v0")
    Packets().open("v0")


if __name__ == "__main__":
    unshare()
    if sys.argv[1:] == ["--probe"]:
        probe()
    else:
        trio.run(main, sys.argv[1])
