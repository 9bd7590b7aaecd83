"""The thin part of DHCP and DNS: takes punted frames, asks the host's resolvers, injects the answers."""

import contextlib
import logging
import secrets
import socket
from collections.abc import Callable
from ipaddress import IPv4Address, ip_address
from pathlib import Path

import dns.exception
import dns.flags
import dns.message
import trio

from vether.config import Spec
from vether.services import packets
from vether.services.dhcp import DhcpConfig, DhcpServer, Host
from vether.services.dns import Answer, Zone, failure, fit_untrusted, respond_untrusted
from vether.services.packets import Datagram

log = logging.getLogger(__name__)

#: Seconds that one resolver has, and all of them together (a guest's own resolver waits 5).
_PATIENCE, _PATIENCE_ALL = 2.0, 4.5

#: Questions under way to the host's resolvers; further ones fail at once.
_MAX_QUESTIONS = 128

_RESOLV_CONF = Path("/etc/resolv.conf")


class Services:
    """DHCP and DNS of one network. `inject` puts a frame into the switch."""

    def __init__(self, spec: Spec, inject: Callable[[bytes], None], resolv_conf: Path = _RESOLV_CONF) -> None:
        self._inject = inject
        self._resolv_conf = resolv_conf
        self._questions = trio.CapacityLimiter(_MAX_QUESTIONS)
        self._dhcp = DhcpServer(dhcp_config(spec))
        self.configure(spec)

    def configure(self, spec: Spec) -> None:
        """Take names and addresses from `spec`."""
        self._router, self._mtu = spec.router, spec.mtu
        self._mac = b"\x52\x55" + spec.router.packed
        self._zone = zone_of(spec)
        self._dhcp.configure(dhcp_config(spec))

    def handle_untrusted(self, reason: str, frame: bytes, nursery: trio.Nursery) -> None:
        """Handle a punted frame; a question to the host's resolvers goes on in `nursery`."""
        datagram = packets.parse_untrusted(frame)
        if datagram is None:
            return
        if reason == "dhcp":
            self._handle_dhcp(datagram)
        elif reason == "dns":
            self._handle_dns(datagram, nursery)

    def _handle_dhcp(self, request: Datagram) -> None:
        reply = self._dhcp.answer_untrusted(request.payload, trio.current_time())
        if reply is None:
            return
        everybody = reply.destination == IPv4Address("255.255.255.255")
        answer = Datagram(
            source_mac=self._mac,
            destination_mac=packets.BROADCAST_MAC if everybody else reply.mac,
            source=self._router,
            destination=reply.destination,
            source_port=67,
            destination_port=68,
            payload=reply.payload,
        )
        self._inject(packets.build(answer))

    def _handle_dns(self, request: Datagram, nursery: trio.Nursery) -> None:
        # What is returned to a group or to the resolver itself would go in circles.
        if request.source_mac[0] & 1 or request.source == request.destination:
            return
        outcome = respond_untrusted(self._zone, request.payload)
        if isinstance(outcome, Answer):
            self._inject(packets.build(request.reply(outcome.payload)))
        elif outcome is not None:
            largest = self._mtu - 28
            nursery.start_soon(self._ask, request, outcome.query, min(outcome.size, largest))

    async def _ask(self, request: Datagram, query: dns.message.Message, size: int) -> None:
        borrower = object()
        try:
            self._questions.acquire_on_behalf_of_nowait(borrower)
        except trio.WouldBlock:
            payload = failure(query)
        else:
            try:
                payload = await resolve(query, size, resolvers_of(self._resolv_conf))
            finally:
                self._questions.release_on_behalf_of(borrower)
        with contextlib.suppress(RuntimeError, KeyError):  # the gateway went meanwhile
            self._inject(packets.build(request.reply(payload)))


def zone_of(spec: Spec) -> Zone:
    """Return the names of the network: each port with an address, the hosts behind other switches, and the gateway."""
    names = {"gateway": spec.router}
    for host in spec.hosts:
        names[host.name.lower()] = IPv4Address(host.address)
    for port in spec.ports:
        if port.address is not None:
            names[(port.hostname or port.name).lower()] = IPv4Address(port.address)
    return Zone(domain=spec.zone, network=spec.network, names=names)


def dhcp_config(spec: Spec) -> DhcpConfig:
    """Return what DHCP says in the network."""
    static = {}
    for port in spec.ports:
        if port.mac is not None and port.address is not None:
            mac = bytes.fromhex(port.mac.replace(":", ""))
            static[mac] = Host(IPv4Address(port.address), port.hostname or port.name)
    return DhcpConfig(
        network=spec.network,
        server=spec.router,
        router=spec.router,
        dns=spec.resolver,
        domain=spec.zone,
        mtu=spec.mtu,
        static=static,
        reserved=frozenset(
            IPv4Address(known.address) for known in (*spec.ports, *spec.hosts) if known.address is not None
        ),
    )


def resolvers_of(path: Path) -> list[str]:
    """Return the addresses that resolv.conf(5) at `path` names, at most three; none if it cannot be read."""
    found: list[str] = []
    with contextlib.suppress(OSError, UnicodeDecodeError):
        for line in path.read_text().splitlines():
            words = line.split()
            if len(words) >= 2 and words[0] == "nameserver":
                with contextlib.suppress(ValueError):
                    ip_address(words[1].partition("%")[0])
                    found.append(words[1])
    return found[:3]


async def resolve(query: dns.message.Message, size: int, resolvers: list[str], port: int = 53) -> bytes:
    """Return the response of the first resolver that has one, at most `size` bytes; a failure if none has."""
    question = dns.message.from_wire(query.to_wire())
    # Neither the guest's identification nor its port is what the outside sees: nobody else can guess ours.
    question.id = secrets.randbelow(65536)
    with trio.move_on_after(_PATIENCE_ALL):
        for resolver in resolvers:
            with trio.move_on_after(_PATIENCE), contextlib.suppress(OSError, dns.exception.DNSException):
                response = await _exchange(question, resolver, port)
                return fit_untrusted(query.id.to_bytes(2, "big") + response[2:], size)
    return failure(query)


async def _exchange(question: dns.message.Message, resolver: str, port: int) -> bytes:
    family = socket.AF_INET6 if ":" in resolver else socket.AF_INET
    with trio.socket.socket(family, socket.SOCK_DGRAM) as sock:
        await sock.connect((resolver, port))
        await sock.send(question.to_wire())
        while True:
            data = await sock.recv(65535)
            with contextlib.suppress(dns.exception.DNSException, ValueError):
                response = dns.message.from_wire(data, ignore_trailing=True)
                if not question.is_response(response):
                    continue
                if response.flags & dns.flags.TC:
                    return await _exchange_stream(question, resolver, port)
                return data


async def _exchange_stream(question: dns.message.Message, resolver: str, port: int) -> bytes:
    """Ask over TCP, for a response that was too long for UDP (RFC 7766)."""
    async with await trio.open_tcp_stream(resolver, port) as stream:
        wire = question.to_wire()
        await stream.send_all(len(wire).to_bytes(2, "big") + wire)
        data = bytearray()
        async for piece in stream:
            data += piece
            if len(data) >= 2 and len(data) >= 2 + int.from_bytes(data[:2], "big"):
                break
    response = bytes(data[2:])
    if len(response) < 12 or not question.is_response(dns.message.from_wire(response, ignore_trailing=True)):
        raise OSError("the resolver answered something else")
    return response


async def serve(
    services: Services,
    fd: int,
    take: Callable[[], list[tuple[str, str, bytes]]],
    neighbours: Callable[[str, bytes], None],
) -> None:
    """Handle what is punted, for ever. `fd` is readable while `take` has something.

    `neighbours` gets ports, and the loop probes and frames to reserved groups that came in there.
    """
    async with trio.open_nursery() as nursery:
        while True:
            await trio.lowlevel.wait_readable(fd)
            for port, reason, frame in take():
                try:
                    if reason in {"reserved", "probe"}:
                        neighbours(port, frame)
                        continue
                    services.handle_untrusted(reason, frame, nursery)
                except Exception:
                    # Whatever a guest sends must not end the service for the others; a defect is to be seen in the log.
                    log.exception("%s: a frame could not be handled", reason)
