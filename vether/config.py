"""What a switch is to be: one declarative specification, from a TOML file, a msgpack file or a control message."""

import difflib
import ipaddress
import re
import tomllib
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any, Literal

import msgpack
import msgspec

from vether import peerspec
from vether.errors import SpecError
from vether.explain import explain
from vether.metrics.address import check_address
from vether.neighbours.spec import LldpSpec, LoopSpec, PortStpSpec, StpSpec
from vether.peerspec import PeerSpec, TunnelSpec
from vether.ports import DEFAULT_KIND, KINDS, AnyPort, check_pairs
from vether.ports.policy import Vid

#: The name of a network; it is a folder's name and, unless another is given, a DNS domain.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")
#: The longest name of a port, bytes: it is also its socket's name, and paths of sockets are short.
_LONGEST_PORT = 31
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}\Z", re.IGNORECASE)
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\Z")

#: RFC 791 asks every host to take 576 bytes; an IP packet has at most 65,535, and frames a few more in front.
MIN_MTU, MAX_MTU = 576, 65521


class ForwardSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Connections to `host:host_port` on this machine reach `guest:guest_port`."""

    proto: Literal["tcp", "udp"] = "tcp"
    host: str = "127.0.0.1"
    #: 0 picks a free one, which `show forwards` tells.
    host_port: int = 0
    guest: str
    guest_port: int


class HostSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is in the network but behind none of the ports: DNS knows the name, DHCP leaves the address alone."""

    name: str
    address: str


class Spec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A switch, its gateway and its ports. Construct with :func:`convert_untrusted` or :func:`load`, which check it."""

    name: str
    #: IPv4 network in CIDR form.
    subnet: str = "10.77.0.0/24"
    #: Whether there is a gateway: user-mode NAT, DHCP and DNS.
    gateway: bool = True
    #: The gateway's address; the first one of the subnet if not given.
    gateway_address: str | None = None
    #: The address that DNS is asked at; the gateway's if not given.
    dns_address: str | None = None
    #: Whether guests reach the host's own loopback services at the gateway's address.
    host_loopback: bool = True
    #: DNS domain of the guests' names; the network's name if not given.
    domain: str | None = None
    mtu: int = 1500
    #: Seconds until an address that is not seen any more is forgotten.
    ageing: float = 300.0
    #: The VLAN that the gateway is in; frames without one if not given.
    gateway_vlan: Vid | None = None
    #: IGMP and MLD: unless `off`, groups go where they are wanted; those that nobody wants go everywhere (`flood`) or
    #: to routers alone (`prune`).
    snooping: Literal["off", "flood", "prune"] = "off"
    #: Spanning tree; none if not given.
    stp: StpSpec | None = None
    #: Loop detector, for a switch without spanning tree; none if not given.
    loop: LoopSpec | None = None
    #: LLDP; none if not given.
    lldp: LldpSpec | None = None
    #: Address and port at which counters are served to Prometheus; none if not given.
    metrics: str | None = None
    ports: tuple[AnyPort, ...] = ()
    forwards: tuple[ForwardSpec, ...] = ()
    #: Others in the network, such as those behind switches on other hosts.
    hosts: tuple[HostSpec, ...] = ()
    #: This switch's end of tunnels to switches on other hosts.
    tunnel: TunnelSpec | None = None
    #: Those switches; each is a port.
    peers: tuple[PeerSpec, ...] = ()

    @property
    def network(self) -> IPv4Network:
        """The subnet."""
        return IPv4Network(self.subnet)

    @property
    def router(self) -> IPv4Address:
        """The gateway's address, given or not."""
        return IPv4Address(self.gateway_address) if self.gateway_address else self.network.network_address + 1

    @property
    def resolver(self) -> IPv4Address:
        """The DNS server's address, given or not."""
        return IPv4Address(self.dns_address) if self.dns_address else self.router

    @property
    def stp_ports(self) -> dict[str, PortStpSpec]:
        """What each port's part of the spanning tree is, given or not: a guest is a host until it says otherwise."""
        return {
            port.name: port.stp or PortStpSpec(edge="yes" if port.tag() == "guest" else "auto") for port in self.ports
        }

    @property
    def mute_ports(self) -> frozenset[str]:
        """The ports that have no neighbour to speak with: wired ones, mirrors, and those that drop reserved groups."""
        mirrors = {port.mirror.to for port in self.ports if port.mirror is not None}
        return self.wired_ports | mirrors | {port.name for port in self.ports if port.reserved == "drop"}

    @property
    def wired_ports(self) -> frozenset[str]:
        """The ports at either end of a wire."""
        return frozenset(name for port in self.ports if port.wire is not None for name in (port.name, port.wire))

    @property
    def zone(self) -> str:
        """The DNS domain, given or not."""
        return (self.domain or self.name).strip(".").lower()


def load(path: Path) -> Spec:
    """Read a specification from `path`: TOML, or msgpack if the name ends in `.msgpack`. Raises `SpecError`."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SpecError(f"cannot read {path}: {error.strerror}") from error
    try:
        raw = msgpack.unpackb(data) if path.suffix == ".msgpack" else tomllib.loads(data.decode())
    except (ValueError, msgpack.UnpackException) as error:
        raise SpecError(f"{path}: {error}") from error
    peerspec.resolve_paths(raw, path.absolute().parent)
    try:
        return convert_untrusted(raw)
    except SpecError as error:
        raise SpecError(f"{path}: {error.message}", hint=error.hint) from error


def convert_untrusted(raw: object) -> Spec:
    """Turn a map into a checked specification. Raises `SpecError` that names the key and what is allowed."""
    raw = _with_kinds(raw)
    try:
        spec = msgspec.convert(raw, Spec)
    except msgspec.ValidationError as error:
        raise explain(str(error), raw, Spec) from error
    _check(spec)
    return spec


def to_map(spec: Spec) -> dict[str, Any]:
    """Return `spec` as a map that :func:`convert_untrusted` takes."""
    result: dict[str, Any] = msgspec.to_builtins(spec)
    return result


def _with_kinds(raw: object) -> object:
    """Return `raw` with the kind of each port written out; msgspec wants it where there is more than one."""
    if not isinstance(raw, dict) or not isinstance(ports := raw.get("ports"), list | tuple):
        return raw
    done: list[object] = []
    for i, port in enumerate(ports):
        if not isinstance(port, dict):
            done.append(port)
            continue
        kind = port.get("kind", DEFAULT_KIND)
        if not isinstance(kind, str) or kind not in KINDS:
            near = difflib.get_close_matches(str(kind), KINDS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(KINDS)}"
            raise SpecError(f"ports[{i}].kind: no kind {kind!r}", hint=hint)
        done.append({**port, "kind": kind})
    return {**raw, "ports": done}


def _check(spec: Spec) -> None:
    _check_name("name", spec.name)
    network = _network(spec.subnet)
    if not MIN_MTU <= spec.mtu <= MAX_MTU:
        raise SpecError(f"mtu: {spec.mtu} is not between {MIN_MTU} and {MAX_MTU}")
    if not 1 <= spec.ageing <= 86400:
        raise SpecError(f"ageing: {spec.ageing} is not between 1 and 86400 seconds")
    if not spec.zone or not all(_LABEL.match(label) for label in spec.zone.split(".")):
        raise SpecError(f"domain: {spec.zone!r} is not a DNS name")
    if spec.stp is not None:
        spec.stp.bridge(bytes(6))
    if spec.loop is not None:
        spec.loop.config(bytes(6))
        if spec.stp is not None:
            raise SpecError("loop: a switch with stp closes loops by itself", hint="take one of stp and loop out")
    if spec.lldp is not None:
        spec.lldp.check()
    if spec.metrics is not None:
        check_address("metrics", spec.metrics)
    taken: dict[IPv4Address, str] = {}
    if spec.gateway:
        _address("gateway_address", str(spec.router), network)
        _address("dns_address", str(spec.resolver), network)
        taken = {spec.resolver: "dns_address", spec.router: "gateway_address"}
    _check_ports(spec, network, taken)
    _check_forwards(spec, network)
    _check_peers(spec)


def _check_ports(spec: Spec, network: IPv4Network, taken: dict[IPv4Address, str]) -> None:
    names: set[str] = set()
    hostnames: set[str] = set()
    macs: dict[str, str] = {}
    for i, port in enumerate(spec.ports):
        where = f"ports[{i}]"
        _check_name(f"{where}.name", port.name, _LONGEST_PORT)
        if port.name in names or port.name == "gateway":
            raise SpecError(f"{where}.name: there is a port {port.name!r} already")
        names.add(port.name)
        if port.hostname is not None:
            if not _LABEL.match(port.hostname):
                raise SpecError(f"{where}.hostname: {port.hostname!r} is not a host name (letters, digits and hyphens)")
            if port.hostname.lower() in hostnames:
                raise SpecError(f"{where}.hostname: {port.hostname!r} is there twice")
            hostnames.add(port.hostname.lower())
        if port.mac is not None:
            if not _MAC.match(port.mac) or int(port.mac[:2], 16) & 1:
                raise SpecError(f"{where}.mac: {port.mac!r} is not a unicast address like 52:54:00:12:34:56")
            if (other := macs.setdefault(port.mac.lower(), where)) != where:
                raise SpecError(f"{where}.mac: {port.mac} is {other}'s already")
        if port.address is not None:
            address = _address(f"{where}.address", port.address, network)
            if (owner := taken.setdefault(address, where)) != where:
                raise SpecError(f"{where}.address: {address} is {owner}'s already")
        if not 0 <= port.split_horizon < 1 << 32:
            raise SpecError(f"{where}.split_horizon: {port.split_horizon} is not between 0 and {(1 << 32) - 1}")
        port.check_policy(where)
        _check_cable(where, port)
        if port.stp is not None:
            port.stp.port(port.name, f"{where}.stp")
        port.check(where)
    _check_hosts(spec, network, taken, hostnames)
    check_pairs({port.name: port for port in spec.ports})


def _check_hosts(spec: Spec, network: IPv4Network, taken: dict[IPv4Address, str], names: set[str]) -> None:
    for i, host in enumerate(spec.hosts):
        where = f"hosts[{i}]"
        if not _LABEL.match(host.name):
            raise SpecError(f"{where}.name: {host.name!r} is not a host name (letters, digits and hyphens)")
        if host.name.lower() in names:
            raise SpecError(f"{where}.name: {host.name!r} is there twice")
        names.add(host.name.lower())
        address = _address(f"{where}.address", host.address, network)
        if (owner := taken.setdefault(address, where)) != where:
            raise SpecError(f"{where}.address: {address} is {owner}'s already")


def _check_cable(where: str, port: AnyPort) -> None:
    if port.netem is not None:
        port.netem.check(f"{where}.netem")
    if port.capture is not None:
        port.capture.check(f"{where}.capture")


def _check_peers(spec: Spec) -> None:
    names = {port.name for port in spec.ports} | {"gateway"}
    for i, peer in enumerate(spec.peers):
        _check_name(f"peers[{i}].name", peer.name, _LONGEST_PORT)
        if peer.name in names:
            raise SpecError(f"peers[{i}].name: there is a port {peer.name!r} already")
        names.add(peer.name)
    peerspec.check(spec.tunnel, spec.peers)


def _check_forwards(spec: Spec, network: IPv4Network) -> None:
    seen: set[tuple[str, str, int]] = set()
    if spec.forwards and not spec.gateway:
        raise SpecError("forwards: they need the gateway", hint="set gateway = true")
    for i, forward in enumerate(spec.forwards):
        where = f"forwards[{i}]"
        _address(f"{where}.guest", forward.guest, network)
        try:
            IPv4Address(forward.host)
        except ValueError:
            raise SpecError(f"{where}.host: {forward.host!r} is not an IPv4 address of this machine") from None
        if not 0 <= forward.host_port <= 65535:
            raise SpecError(f"{where}.host_port: {forward.host_port} is not between 0 and 65535")
        if not 1 <= forward.guest_port <= 65535:
            raise SpecError(f"{where}.guest_port: {forward.guest_port} is not between 1 and 65535")
        key = (forward.proto, forward.host, forward.host_port)
        if forward.host_port and key in seen:
            raise SpecError(f"{where}: {forward.proto} {forward.host}:{forward.host_port} is forwarded twice")
        seen.add(key)


def _check_name(where: str, name: str, longest: int = 63) -> None:
    if not _NAME.match(name) or len(name) > longest:
        allowed = f"up to {longest} letters, digits, dots, hyphens and underscores"
        raise SpecError(f"{where}: {name!r} is not a name ({allowed})")


def _network(text: str) -> IPv4Network:
    try:
        network = IPv4Network(text)
    except ValueError as error:
        raise SpecError(f"subnet: {error}", hint="an IPv4 network like 10.77.0.0/24") from error
    if not 8 <= network.prefixlen <= 29:
        raise SpecError(f"subnet: /{network.prefixlen} is not between /8 and /29")
    return network


def _address(where: str, text: str, network: IPv4Network) -> IPv4Address:
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError as error:
        raise SpecError(f"{where}: {error}") from error
    if address not in network or address in {network.network_address, network.broadcast_address}:
        raise SpecError(f"{where}: {address} is not a host's address in {network}")
    return address
