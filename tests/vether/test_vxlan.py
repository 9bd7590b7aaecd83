"""VXLAN against the kernel's own device, between hosts that the test makes."""

import socket
from collections.abc import Iterator

import pytest

from tests.vether.hosts import Host, hosts, join
from tests.vether.lab import EVERYBODY, Lab, frame, mac, until

VNI = 4242
US, PEER, OTHER = "192.0.2.1", "192.0.2.2", "198.51.100.2"


@pytest.fixture
def three() -> Iterator[list[Host]]:
    with hosts(3) as made:
        yield made


def start(lab: Lab, host: Host, peers: list[str], tap_mtu: int = 1450, **more: object) -> None:
    lab.prefix = host.prefix
    vxlan = {"name": "v", "kind": "vxlan", "vni": VNI, "peers": peers, **more}
    tap = {"name": "t", "kind": "tap", "host_addresses": ["10.9.0.1/24", "fd09::1/64"], "mtu": tap_mtu}
    lab.start({"name": "lan", "gateway": False, "ports": [vxlan, tap]})
    # An IPv6 address is not used until nobody else turned out to have it.
    until("address", lambda: not host.run("ip", "-6", "addr", "show", "dev", "t", "tentative").stdout)


def kernel(host: Host, address: str, remote: str, mtu: int = 1450, more: str = "") -> None:
    """Make the kernel's device; what it does not know it sends to `remote`."""
    host.ip(f"link add vx type vxlan id {VNI} dstport 4789 remote {remote} {more}")
    host.ip(f"link set vx mtu {mtu} up")
    host.ip(f"addr add 10.9.0.{address}/24 dev vx")
    host.ip(f"addr add fd09::{address}/64 dev vx nodad")


def test_the_kernel_answers_pings_of_every_size(lab: Lab, three: list[Host]) -> None:
    a, b, _ = three
    join(a, f"{US}/24", b, f"{PEER}/24", mtu=9100)
    kernel(b, "2", US, mtu=9000)
    start(lab, a, [PEER], tap_mtu=9000)
    assert a.ping("10.9.0.2")
    assert b.ping("10.9.0.1", 1422)
    assert a.ping("10.9.0.2", 8972)
    assert a.ping("fd09::2", 8952)
    assert sum(lab.stats("v")["drops"].values()) == 0


def test_flooding_reaches_all_and_learning_ends_it(lab: Lab, three: list[Host]) -> None:
    a, b, c = three
    join(a, f"{US}/24", b, f"{PEER}/24")
    join(a, "198.51.100.1/24", c, f"{OTHER}/24")
    kernel(b, "2", US)
    kernel(c, "3", "198.51.100.1")
    start(lab, a, [PEER, OTHER])
    # ARP and neighbour solicitations are for everybody, and are answered by the right one.
    for address in ("10.9.0.2", "10.9.0.3", "fd09::2", "fd09::3"):
        assert a.ping(address, 1400 if ":" in address else 1422), address
    before = received(c)
    assert a.ping("10.9.0.2", count=20)
    assert received(c) - before < 20, "pings for one peer went to another as well"


def received(host: Host) -> int:
    return int(host.run("cat", "/sys/class/net/vx/statistics/rx_packets").stdout)


def test_ipv6_underneath_with_and_without_checksums(lab: Lab, three: list[Host]) -> None:
    a, b, _ = three
    join(a, "2001:db8::1/64", b, "2001:db8::2/64")
    kernel(b, "2", "2001:db8::1", mtu=1430, more="udp6zerocsumtx udp6zerocsumrx")
    start(lab, a, ["2001:db8::2"], tap_mtu=1430)
    assert b.ping("10.9.0.1", 1402)
    assert a.ping("fd09::2", 1382)


def test_a_stream_keeps_its_bytes_and_flows_have_ports(lab: Lab, three: list[Host]) -> None:
    a, b, _ = three
    join(a, f"{US}/24", b, f"{PEER}/24")
    kernel(b, "2", US)
    start(lab, a, [PEER])
    ports = {source_port(lab, a, b, flow) for flow in range(16)}
    assert 2 <= len(ports) <= 8
    assert source_port(lab, a, b, 0) == source_port(lab, a, b, 0)


def source_port(lab: Lab, a: Host, b: Host, flow: int) -> str:
    """Send a datagram of a flow through the tunnel, and see the source port that the tunnel gave it."""
    sniffer = b.spawn(
        "python3",
        "-c",
        "import socket\n"
        "s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x800)); s.settimeout(10)\n"
        "print('ready', flush=True)\n"
        f"while (p := s.recv(2000))[-7:] != b'flow-%02d' % {flow} or p[9] != 17 or p[22:24] != b'\\x12\\xb5': pass\n"
        "print(int.from_bytes(p[20:22], 'big'))\n",
        stdout=-1,
    )
    assert sniffer.stdout is not None
    assert sniffer.stdout.readline() == b"ready\n"
    send = (
        "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); "
        f"s.bind(('10.9.0.1', {20000 + flow})); s.sendto(b'flow-%02d' % {flow}, ('10.9.0.2', 9))"
    )
    a.run("python3", "-c", send)
    out, _ = sniffer.communicate(timeout=15)
    return out.decode().strip()


def test_strangers_and_malformed_packets_are_counted_and_harm_nobody(lab: Lab, three: list[Host]) -> None:
    a, b, c = three
    join(a, f"{US}/24", b, f"{PEER}/24")
    join(a, "198.51.100.1/24", c, f"{OTHER}/24")
    kernel(b, "2", US)
    start(lab, a, [PEER])

    def throw(host: Host, payload: bytes, times: int = 3) -> None:
        code = (
            "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
            f"for _ in range({times}): s.sendto(bytes.fhex('{payload.hex()}'), ('{US}', 4789))".replace(
                "fhex", "fromhex"
            )
        )
        host.run("python3", "-c", code)

    good = b"\x08\0\0\0" + VNI.to_bytes(3, "big") + b"\0"
    c.ip(f"route add {US} via 198.51.100.1")
    throw(c, good + frame(EVERYBODY, mac(7)))
    throw(b, b"\0" + good[1:] + frame(EVERYBODY, mac(7)))
    throw(b, b"\x08\0\0\0\0\0\x01\0" + frame(EVERYBODY, mac(7)))
    throw(b, b"\x08")
    throw(b, good + b"short")
    expected = {"stranger": 3, "bad-encapsulation": 6, "wrong-network": 3, "too-short": 3}
    until("counts", lambda: expected.items() <= lab.stats("v")["drops"].items())
    assert "02:00:00:00:00:07" not in {row["mac"] for row in lab.call("show", what="fdb")}
    assert a.ping("10.9.0.2")


def test_an_outer_mtu_drops_by_name_and_without_one_packets_are_fragmented(lab: Lab, three: list[Host]) -> None:
    a, b, _ = three
    join(a, f"{US}/24", b, f"{PEER}/24")
    kernel(b, "2", US, mtu=1500)
    start(lab, a, [PEER], tap_mtu=1500, outer_mtu=1500)
    assert a.ping("10.9.0.2", 1422)
    assert not a.ping("10.9.0.2", 1423, count=1)
    assert lab.stats("v")["drops"]["too-big"] == 1
    spec = lab.call("show", what="spec")
    next(port for port in spec["ports"] if port["name"] == "v")["outer_mtu"] = None
    assert lab.call("apply", spec=spec)["changed"] == ["port v: changed"]
    assert a.ping("10.9.0.2", 1472)
    # Segments of a stream that would have to be fragmented go alone, and arrive.
    sink = b.spawn("python3", "-c", SINK, stdout=-1)
    assert sink.stdout is not None
    assert sink.stdout.readline() == b"ready\n"
    a.run("python3", "-c", "import socket; c = socket.create_connection(('10.9.0.2', 5000)); c.sendall(bytes(3000000))")
    assert sink.communicate(timeout=15)[0] == b"3000000\n"


SINK = """
import socket
s = socket.create_server(("10.9.0.2", 5000)); print("ready", flush=True)
c, _ = s.accept(); n = 0
while b := c.recv(1 << 20): n += len(b)
print(n)
"""


def test_a_port_that_is_in_use_is_said_and_changes_nothing(lab: Lab) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        lab.start({"name": "lan", "gateway": False, "ports": [{"name": "a"}]})
        wanted = {"name": "v", "kind": "vxlan", "vni": 1, "peers": ["127.0.0.2"], "local": "127.0.0.1", "port": port}
        with pytest.raises(Exception, match="Address already in use") as caught:
            lab.call("apply", spec={"name": "lan", "gateway": False, "ports": [{"name": "a"}, wanted]})
        assert "give another `port`" in str(getattr(caught.value, "hint", ""))
        assert [row["name"] for row in lab.call("show", what="ports")] == ["a"]
