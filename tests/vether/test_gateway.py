"""The gateway: DHCP and DNS as a client sees them, ARP, ping, NAT both ways, forwards that come and go."""

import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.dns import DNS, DNSQR
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import ARP, Ether

from tests.vether.lab import Guest, Lab, needs_namespaces, ports, until
from vether.control import ControlError
from vether.services.packets import parse_untrusted

A_MAC, A_IP = "52:54:00:00:00:0a", "10.9.8.10"
ROUTER_MAC, ROUTER = "52:55:0a:09:08:01", "10.9.8.1"
NOBODY = "0.0.0.0"  # noqa: S104 - the source of who has no address yet
EVERYBODY = "ff:ff:ff:ff:ff:ff"


def network(*forwards: dict[str, Any], **more: object) -> dict[str, Any]:
    return {
        "name": "lan",
        "subnet": "10.9.8.0/24",
        "ports": [
            {"name": "a", "mac": A_MAC, "address": A_IP, "hostname": "alpha"},
            {"name": "b", "mac": "52:54:00:00:00:0b", "address": "10.9.8.11"},
            {"name": "c"},
        ],
        "forwards": list(forwards),
        **more,
    }


def exchange(guest: Guest, packet: Any, layer: Any) -> Any:
    """Send `packet` and return the first answer that has `layer`."""
    guest.send(bytes(packet))
    while True:
        answer = Ether(guest.receive())
        if layer in answer:
            return answer


def dhcp_message(kind: str, address: str, *options: Any, xid: int = 7) -> Any:
    chaddr = bytes.fromhex(address.replace(":", "")).ljust(16, b"\0")
    return (
        Ether(src=address, dst=EVERYBODY)
        / IP(src=NOBODY, dst="255.255.255.255")
        / UDP(sport=68, dport=67)
        / BOOTP(chaddr=chaddr, xid=xid)
        / DHCP(options=[("message-type", kind), *options, "end"])
    )


def options_of(answer: Any) -> dict[str, Any]:
    return {option[0]: option[1] for option in answer[DHCP].options if isinstance(option, tuple)}


def test_dhcp_gives_the_address_of_the_specification(lab: Lab) -> None:
    lab.start(network(mtu=9000))
    a = lab.connect("a")
    offer = exchange(a, dhcp_message("discover", A_MAC), DHCP)
    assert offer[BOOTP].yiaddr == A_IP
    asked = [("requested_addr", A_IP), ("server_id", ROUTER)]
    ack = exchange(a, dhcp_message("request", A_MAC, *asked), DHCP)
    options = options_of(ack)
    assert (options["message-type"], ack[BOOTP].yiaddr, ack[BOOTP].xid) == (5, A_IP, 7)
    assert (options["router"], options["name_server"], options["subnet_mask"]) == (ROUTER, ROUTER, "255.255.255.0")
    assert (options["hostname"], options["domain"], options["interface-mtu"]) == (b"alpha", b"lan", 9000)
    assert (ack[Ether].dst, ack[IP].src, ack[UDP].dport) == (A_MAC, ROUTER, 68)
    nak = exchange(a, dhcp_message("request", A_MAC, ("requested_addr", "10.9.8.99")), DHCP)
    assert options_of(nak)["message-type"] == 6


def test_a_stranger_gets_an_address_of_the_pool(lab: Lab) -> None:
    lab.start(network())
    c = lab.connect("c")
    offer = exchange(c, dhcp_message("discover", "52:54:00:00:00:77"), DHCP)
    assert offer[BOOTP].yiaddr not in {A_IP, "10.9.8.11", ROUTER, "10.9.8.0", "10.9.8.255"}
    assert offer[BOOTP].yiaddr.startswith("10.9.8.")
    assert "hostname" not in options_of(offer)


def ask(guest: Guest, name: str, kind: str = "A", *, at: str = ROUTER, mac: str = ROUTER_MAC) -> Any:
    query = Ether(src=A_MAC, dst=mac) / IP(src=A_IP, dst=at) / UDP(sport=4000, dport=53)
    return exchange(guest, query / DNS(id=99, rd=1, qd=DNSQR(qname=name, qtype=kind)), DNS)[DNS]


def test_dns_knows_the_guests(lab: Lab) -> None:
    lab.start(network())
    a = lab.connect("a")
    for name in ("b", "B.lan", "b.lan."):
        answer = ask(a, name)
        assert (answer.id, answer.rcode, answer.an[0].rdata) == (99, 0, "10.9.8.11")
    assert ask(a, "alpha.lan").an[0].rdata == A_IP
    assert ask(a, "gateway").an[0].rdata == ROUTER
    assert ask(a, "10.8.9.10.in-addr.arpa", "PTR").an[0].rdata == b"alpha.lan."
    no_ipv6 = ask(a, "b.lan", "AAAA")
    assert (no_ipv6.rcode, no_ipv6.ancount) == (0, 0)
    assert ask(a, "nobody.lan").rcode == 3
    lab.call("apply", spec=network() | {"ports": [{"name": "a"}, {"name": "new", "address": "10.9.8.50"}]})
    assert ask(a, "new").an[0].rdata == "10.9.8.50"
    assert ask(a, "b").rcode == 3


def test_dns_knows_machines_behind_other_switches_and_dhcp_leaves_their_addresses(lab: Lab) -> None:
    # Of six addresses two are the gateway's and two the ports'.
    small = network(subnet="10.9.8.8/29", gateway_address="10.9.8.9", dns_address="10.9.8.12")
    spec = small | {"hosts": [{"name": name, "address": f"10.9.8.{n}"} for name, n in (("far", 13), ("wide", 14))]}
    lab.start(spec)
    a = lab.connect("a")
    who = Ether(src=A_MAC, dst=EVERYBODY) / ARP(hwsrc=A_MAC, psrc=A_IP, pdst="10.9.8.12")
    mac = exchange(a, who, ARP)[ARP].hwsrc
    assert ask(a, "far.lan", at="10.9.8.12", mac=mac).an[0].rdata == "10.9.8.13"
    c = lab.connect("c")
    c.send(bytes(dhcp_message("discover", "52:54:00:00:00:77")))
    assert c.is_silent(1), "no address is left"
    lab.call("apply", spec={**spec, "hosts": spec["hosts"][:1]})
    assert exchange(c, dhcp_message("discover", "52:54:00:00:00:77"), DHCP)[BOOTP].yiaddr == "10.9.8.14"
    assert ask(a, "wide", at="10.9.8.12", mac=mac).rcode == 3


def test_dns_may_have_an_address_of_its_own(lab: Lab) -> None:
    lab.start(network(dns_address="10.9.8.2"))
    a = lab.connect("a")
    who = Ether(src=A_MAC, dst=EVERYBODY) / ARP(hwsrc=A_MAC, psrc=A_IP, pdst="10.9.8.2")
    mac = exchange(a, who, ARP)[ARP].hwsrc
    assert ask(a, "b", at="10.9.8.2", mac=mac).an[0].rdata == "10.9.8.11"
    ack = exchange(a, dhcp_message("request", A_MAC, ("requested_addr", A_IP)), DHCP)
    assert (options_of(ack)["router"], options_of(ack)["name_server"]) == (ROUTER, "10.9.8.2")


def test_the_gateway_answers_arp_and_ping(lab: Lab) -> None:
    lab.start(network())
    a = lab.connect("a")
    who = Ether(src=A_MAC, dst=EVERYBODY) / ARP(hwsrc=A_MAC, psrc=A_IP, pdst=ROUTER)
    assert exchange(a, who, ARP)[ARP].hwsrc == ROUTER_MAC
    ping = Ether(src=A_MAC, dst=ROUTER_MAC) / IP(src=A_IP, dst=ROUTER) / ICMP(id=1, seq=2) / (b"x" * 40)
    pong = exchange(a, ping, ICMP)
    assert (pong[ICMP].type, pong[ICMP].seq, pong[IP].src) == (0, 2, ROUTER)


def test_the_gateway_minds_only_what_is_for_it(lab: Lab) -> None:
    lab.start(network())
    a, b = lab.connect("a"), lab.connect("b")
    # Flooded because b has not spoken yet: the gateway must not connect anywhere on b's behalf.
    syn = Ether(src=A_MAC, dst="52:54:00:00:00:0b") / IP(src=A_IP, dst="10.9.8.11") / TCP(dport=80, flags="S")
    a.send(bytes(syn))
    assert b.receive() == bytes(syn)
    assert a.is_silent()
    for nonsense in (Ether(src=A_MAC, dst=EVERYBODY, type=0x86DD) / b"v6", Ether(src=A_MAC, dst=ROUTER_MAC, type=1)):
        a.send(bytes(nonsense))
    until("filtering", lambda: lab.stats("gateway")["drops"]["gateway-filter"] == 3)


@contextmanager
def hash_server() -> Iterator[int]:
    """A TCP server on loopback that answers each connection with the SHA-256 of what it got; yields its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    digest = hashlib.sha256()
                    while data := connection.recv(65536):
                        digest.update(data)
                    connection.sendall(digest.hexdigest().encode())

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)


def tap_guest(lab: Lab, script: str, *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.vether.tap_guest", str(lab.dir / "ports" / "a"), A_MAC]
    command += [f"{A_IP}/24", ROUTER, "--", sys.executable, "-c", script, *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)


UPLOAD = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=20) as s:
    s.sendall(bytes(i * 7 & 255 for i in range(5_000_000)))
    s.shutdown(socket.SHUT_WR)
    print(s.recv(100).decode())
"""

ECHO = """
import socket
with socket.create_server(("", 7)) as server, socket.socket(type=socket.SOCK_DGRAM) as udp:
    udp.bind(("", 7))
    print("ready", flush=True)
    connection, peer = server.accept()
    with connection:
        while data := connection.recv(65536):
            connection.sendall(data)
    data, peer = udp.recvfrom(2000)
    udp.sendto(data[::-1], peer)
"""


def test_a_guest_reaches_the_host_by_tcp(lab: Lab) -> None:
    needs_namespaces()
    lab.start(network())
    with hash_server() as port:
        guest = tap_guest(lab, UPLOAD, ROUTER, str(port))
        output, _ = guest.communicate(timeout=40)
    assert output.strip() == hashlib.sha256(bytes(i * 7 & 255 for i in range(5_000_000))).hexdigest()
    # The guest's driver sends segments of many frames; what the gateway got was cut to the MTU.
    sent, got = lab.stats("a"), lab.stats("gateway")
    assert sent["rx_bytes"] / sent["rx_frames"] > 2 * got["tx_bytes"] / got["tx_frames"]
    assert got["tx_bytes"] / got["tx_frames"] <= 1514


def test_the_host_reaches_a_guest_by_tcp_and_udp(lab: Lab) -> None:
    needs_namespaces()
    forwards = [{"proto": proto, "guest": A_IP, "guest_port": 7} for proto in ("tcp", "udp")]
    lab.start(network(*forwards))
    tcp, udp = (row["host_port"] for row in lab.call("show", what="forwards"))
    guest = tap_guest(lab, ECHO)
    assert guest.stdout is not None
    assert guest.stdout.readline() == "ready\n"
    data = os.urandom(2_000_000)
    with socket.create_connection(("127.0.0.1", tcp), timeout=20) as connection:

        def upload() -> None:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)

        threading.Thread(target=upload).start()
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert received == data
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.sendto(b"drawer", ("127.0.0.1", udp))
        assert client.recv(100) == b"reward"
    assert guest.wait(10) == 0
    guest.communicate()


def test_forwards_come_and_go_and_keep_their_ports(lab: Lab) -> None:
    one = {"guest": A_IP, "guest_port": 22}
    two = {"guest": "10.9.8.11", "guest_port": 22}
    lab.start(network(one))
    port = lab.call("show", what="forwards")[0]["host_port"]
    assert port != 0
    answer = lab.call("apply", spec=network(one, two))
    assert [row["guest"] for row in answer["forwards"]] == [A_IP, "10.9.8.11"]
    assert answer["forwards"][0]["host_port"] == port
    # The port that was picked may be written down afterwards, in any order: nothing changes.
    fixed = [{**row} for row in reversed(answer["forwards"])]
    assert lab.call("apply", spec=network(*fixed))["changed"] == []
    socket.create_connection(("127.0.0.1", port), timeout=5).close()
    changed = lab.call("apply", spec=network(two | {"host_port": answer["forwards"][1]["host_port"]}))["changed"]
    assert changed == [f"forward tcp 127.0.0.1:{port} -> {A_IP}:22: removed"]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_ports_that_are_taken_are_named(lab: Lab) -> None:
    lab.start(network())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ControlError, match=f"127.0.0.1:{port}.*in use") as caught:
            lab.call("apply", spec=network({"host_port": port, "guest": A_IP, "guest_port": 22}))
        assert caught.value.hint is not None
    assert lab.call("show", what="forwards") == []
    with socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        port = udp.getsockname()[1]
        with pytest.raises(ControlError, match="in use"):
            lab.call("apply", spec=network({"proto": "udp", "host_port": port, "guest": A_IP, "guest_port": 9}))


def test_the_gateway_comes_and_goes(lab: Lab) -> None:
    lab.start(ports("a"))
    a = lab.connect("a")
    a.send(bytes(dhcp_message("discover", A_MAC)))
    assert a.is_silent()
    assert lab.call("apply", spec=network())["changed"][0] == "gateway: added"
    assert exchange(a, dhcp_message("discover", A_MAC), DHCP)[BOOTP].yiaddr == A_IP
    assert lab.call("apply", spec=network(mtu=1400))["changed"] == ["gateway: changed"]
    assert options_of(exchange(a, dhcp_message("discover", A_MAC), DHCP))["interface-mtu"] == 1400
    assert "gateway: removed" in lab.call("apply", spec=ports("a"))["changed"]
    assert [port["name"] for port in lab.call("show", what="ports")] == ["a"]


def test_a_killed_daemon_gets_its_forwards_back(lab: Lab) -> None:
    lab.start(network({"guest": A_IP, "guest_port": 22}))
    forwards = lab.call("show", what="forwards")
    lab.end(signal.SIGKILL)
    lab.start(network(*forwards))
    assert lab.call("show", what="forwards") == forwards


def test_garbage_for_the_gateway_disturbs_nobody(lab: Lab) -> None:
    lab.start(network())
    a = lab.connect("a")
    head = bytes(Ether(src=A_MAC, dst=ROUTER_MAC))[:12]
    shells = [
        Ether(src=A_MAC, dst=EVERYBODY) / IP(src=NOBODY, dst="255.255.255.255") / UDP(sport=68, dport=67),
        Ether(src=A_MAC, dst=ROUTER_MAC) / IP(src=A_IP, dst=ROUTER) / UDP(sport=1, dport=53),
        Ether(src=A_MAC, dst=ROUTER_MAC) / IP(src=A_IP, dst=ROUTER, options=[]) / TCP(dport=9, flags="SFR"),
    ]
    for number in range(300):
        garbage = os.urandom(number)
        a.send(head + b"\x08\x00" + garbage)
        a.send(head + b"\x08\x06" + garbage)
        a.send(bytes(shells[number % 3] / garbage))
    a.close()
    a = lab.connect("a")
    assert exchange(a, dhcp_message("discover", A_MAC), DHCP)[BOOTP].yiaddr == A_IP
    assert ask(a, "b").an[0].rdata == "10.9.8.11"


def test_checksums_are_those_that_scapy_computes(lab: Lab) -> None:
    lab.start(network())
    a = lab.connect("a")
    a.send(bytes(dhcp_message("discover", A_MAC)))
    raw = a.receive()
    packet = Ether(raw)
    del packet[IP].chksum, packet[UDP].chksum
    assert bytes(packet) == raw
    assert parse_untrusted(raw) is not None


def test_a_first_connection_does_not_wait_for_a_timer_after_the_guest_was_found(lab: Lab) -> None:
    addresses = [f"10.9.8.{number}" for number in range(20, 32)]
    forwards = [{"guest": address, "guest_port": 22} for address in addresses]
    lab.start(network(*forwards))
    a = lab.connect("a")
    took = 0.0
    for row in lab.call("show", what="forwards"):
        with socket.socket() as client:
            client.setblocking(False)
            client.connect_ex((row["host"], row["host_port"]))
            asked = receive_layer(a, ARP, "pdst", row["guest"])
            answer = ARP(op=2, hwsrc=A_MAC, psrc=row["guest"], hwdst=asked[ARP].hwsrc, pdst=asked[ARP].psrc)
            began = time.monotonic()
            a.send(bytes(Ether(src=A_MAC, dst=asked[Ether].src) / answer))
            receive_layer(a, IP, "dst", row["guest"])
            took += time.monotonic() - began
    # A timer of libslirp's is 499 ms apart, so that these would be three seconds, give or take half a second.
    assert took < 1.5


def receive_layer(guest: Guest, layer: Any, field: str, value: str) -> Any:
    """Return the next frame that has `layer` with `value` in `field`."""
    while True:
        packet = Ether(guest.receive())
        if layer in packet and getattr(packet[layer], field) == value:
            return packet
