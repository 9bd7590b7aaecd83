"""Ways from one host to another: through our switch, the kernel's bridge, VDE, and VXLAN of both kinds.

Each is a context that has two hosts, `10.9.0.1` and `10.9.0.2`, which reach each other.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import msgpack

from bench.process import terminate
from bench.switch.hosts import Host, hosts
from vether import keys
from vether.control.client import Client

A, B = "10.9.0.1", "10.9.0.2"
PATIENCE = 15.0
#: A frame on this wire, with VXLAN's headers, is 1500 bytes long.
INNER_MTU = 1450
VNI, UDP_PORT = 42, 4789

Pair = tuple[Host, Host]


@contextmanager
def _vether(host: Host, *ports: dict[str, object], **more: object) -> Iterator[None]:
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        spec = Path(name, "spec.msgpack")
        spec.write_bytes(msgpack.packb({"name": "lan", "gateway": False, "ports": list(ports), **more}))
        command = host.command(sys.executable, "-m", "vether", "serve", str(spec), "--dir", f"{name}/run")
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            _until(lambda: _answers(Path(name, "run", "ctl")))
            yield
        finally:
            terminate(process)


def _answers(control: Path) -> bool:
    try:
        with Client(control, timeout=PATIENCE) as client:
            client.call("ping")
    except OSError:
        return False
    return True


def _until(done: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not done():
        if time.monotonic() > end:
            raise RuntimeError("a switch did not start")
        time.sleep(0.02)


@contextmanager
def ours() -> Iterator[Pair]:
    """Two TAPs on our switch, each in a host of its own; the switch is in a third."""
    with hosts(3) as (switch, a, b), _vether(switch, {"name": "ta", "kind": "tap"}, {"name": "tb", "kind": "tap"}):
        a.take(switch, "ta", f"{A}/24")
        b.take(switch, "tb", f"{B}/24")
        yield a, b


@contextmanager
def kernel() -> Iterator[Pair]:
    """Two veth pairs on a bridge."""
    with hosts(3) as (switch, a, b):
        switch.ip("link add br0 type bridge")
        switch.ip("link set br0 up")
        for host, address, device in ((a, A, "va"), (b, B, "vb")):
            switch.ip(f"link add {device} type veth peer name {device}-br")
            switch.ip(f"link set {device}-br master br0 up")
            host.take(switch, device, f"{address}/24")
        yield a, b


@contextmanager
def vde() -> Iterator[Pair]:
    """Two TAPs on one vde_switch."""
    with hosts(3) as (switch, a, b), tempfile.TemporaryDirectory(prefix="bench-") as name, ExitStack() as stack:
        command = switch.command("vde_switch", "-s", f"{name}/ctl", "-t", "ta", "-t", "tb")
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        stack.callback(terminate, process)
        _until(lambda: "tb" in switch.run("ls", "/sys/class/net").split())
        a.take(switch, "ta", f"{A}/24")
        b.take(switch, "tb", f"{B}/24")
        yield a, b


@contextmanager
def _veth(*addresses: str) -> Iterator[Pair]:
    with hosts(2) as (a, b):
        a.ip(f"link add u type veth peer name u netns {b.name}")
        for host, address in zip((a, b), addresses, strict=True):
            host.ip(f"addr add {address}/24 dev u")
            host.ip("link set u up")
        yield a, b


def _underlay() -> AbstractContextManager[Pair]:
    return _veth("192.0.2.1", "192.0.2.2")


def bare() -> AbstractContextManager[Pair]:
    """Nothing but a veth pair between them."""
    return _veth(A, B)


@contextmanager
def our_vxlan() -> Iterator[Pair]:
    """Tunnel between two switches of ours over a veth pair; each has a TAP."""
    with _underlay() as (a, b), ExitStack() as stack:
        for host, address, peer in ((a, A, "192.0.2.2"), (b, B, "192.0.2.1")):
            tap = {"name": "t", "kind": "tap", "mtu": INNER_MTU, "host_addresses": [f"{address}/24"]}
            tunnel = {"name": "v", "kind": "vxlan", "vni": VNI, "peers": [peer], "port": UDP_PORT}
            stack.enter_context(_vether(host, tap, tunnel))
        yield a, b


@contextmanager
def kernel_vxlan() -> Iterator[Pair]:
    """Tunnel between the kernel's own devices over a veth pair."""
    with _underlay() as (a, b):
        for host, address, peer in ((a, A, "192.0.2.2"), (b, B, "192.0.2.1")):
            host.ip(f"link add vx type vxlan id {VNI} dstport {UDP_PORT} remote {peer}")
            host.ip(f"link set vx mtu {INNER_MTU} up")
            host.ip(f"addr add {address}/24 dev vx")
        yield a, b


@contextmanager
def our_tunnel() -> Iterator[Pair]:
    """Encrypted tunnel between two switches of ours over a veth pair; each has a TAP."""
    with _underlay() as (a, b), ExitStack() as stack, tempfile.TemporaryDirectory(prefix="bench-") as name:
        files = [Path(name, "a.key"), Path(name, "b.key")]
        publics = [keys.encode(keys.public(keys.generate(file))) for file in files]
        ends = ("192.0.2.1:5870", "192.0.2.2:5870")
        for i, (host, address) in enumerate(((a, A), (b, B))):
            tap = {"name": "t", "kind": "tap", "mtu": 1500, "host_addresses": [f"{address}/24"]}
            tunnel = {"key": str(files[i]), "listen": ends[i]}
            peer = {"name": "other", "public_key": publics[1 - i], "endpoint": ends[1 - i]}
            stack.enter_context(_vether(host, tap, tunnel=tunnel, peers=[peer]))
        _until(lambda: a.reaches(B))
        yield a, b


SWITCHED: dict[str, Callable[[], AbstractContextManager[Pair]]] = {"ours": ours, "kernel": kernel, "vde": vde}
TUNNELLED: dict[str, Callable[[], AbstractContextManager[Pair]]] = {"ours": our_vxlan, "kernel": kernel_vxlan}
ENCRYPTED: dict[str, Callable[[], AbstractContextManager[Pair]]] = {"ours": our_tunnel, "kernel": bare}
