"""A DHCP server without input or output (RFC 2131): fixed addresses first, a pool for whoever else asks."""

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network

from vether.services.dhcp_message import (
    ANY,
    DhcpMessage,
    MessageType,
    Option,
    build_reply,
    parse_request_untrusted,
)

#: Seconds that an offer holds its address.
_OFFER_TIME = 60.0
#: Seconds that an address is left alone after a client found it in use.
_DECLINE_TIME = 600.0
#: Leases from the pool, at most, so that a guest with many MAC addresses costs bounded memory.
_MAX_LEASES = 4096


@dataclass(frozen=True)
class Host:
    """What a known MAC address gets."""

    address: IPv4Address
    hostname: str


@dataclass(frozen=True)
class DhcpConfig:
    """What the server tells its clients. `static` is by MAC address (6 bytes); `reserved` is never in the pool."""

    network: IPv4Network
    server: IPv4Address
    router: IPv4Address
    dns: IPv4Address
    domain: str
    mtu: int
    static: Mapping[bytes, Host] = field(default_factory=dict)
    reserved: frozenset[IPv4Address] = frozenset()
    lease_time: int = 86400


@dataclass(frozen=True)
class Reply:
    """A message for `destination`, which is 255.255.255.255 for clients that cannot be reached otherwise."""

    payload: bytes
    destination: IPv4Address
    mac: bytes


@dataclass
class _Lease:
    mac: bytes
    expires: float


class DhcpServer:
    """The server; time is an argument, seconds of any clock that does not go back."""

    def __init__(self, config: DhcpConfig) -> None:
        self._leases: dict[IPv4Address, _Lease] = {}
        self.configure(config)

    def configure(self, config: DhcpConfig) -> None:
        """Take a new configuration. Leases that it contradicts end."""
        self.config = config
        taken = {host.address for host in config.static.values()} | config.reserved
        taken |= {config.server, config.router, config.dns}
        self._taken = frozenset(taken)
        self._leases = {address: lease for address, lease in self._leases.items() if self._in_pool(address)}

    def leases(self, now: float) -> dict[IPv4Address, bytes]:
        """Return the pool's addresses that are leased, and to which MAC address."""
        return {address: lease.mac for address, lease in self._leases.items() if lease.mac and lease.expires > now}

    def answer_untrusted(self, payload: bytes, now: float) -> Reply | None:
        """Return what is to be sent for the client's message `payload`; None for nothing."""
        request = parse_request_untrusted(payload)
        # There are no relays in a virtual Ethernet; whoever claims to be one could be made a reflector.
        if request is None or request.relay != ANY or request.mac[0] & 1:
            return None
        handlers = {
            MessageType.DISCOVER: self._discover,
            MessageType.REQUEST: self._request,
            MessageType.DECLINE: self._decline,
            MessageType.RELEASE: self._release,
            MessageType.INFORM: self._inform,
        }
        handler = handlers.get(request.type)
        return handler(request, now) if handler else None

    def _discover(self, request: DhcpMessage, now: float) -> Reply | None:
        address = self._choose(request.mac, request.address(Option.REQUESTED), now)
        if address is None:
            return None
        self._hold(address, request.mac, now, _OFFER_TIME)
        return self._grant(MessageType.OFFER, request, address)

    def _request(self, request: DhcpMessage, now: float) -> Reply | None:
        chosen = request.address(Option.SERVER)
        if chosen is not None and chosen != self.config.server:
            return None
        wanted = request.address(Option.REQUESTED) or request.client
        if wanted == ANY:
            return None
        if not self._may_have(request.mac, wanted, now):
            nak = DhcpMessage(
                type=MessageType.NAK,
                transaction=request.transaction,
                mac=request.mac,
                broadcast=request.broadcast,
                options={Option.SERVER: self.config.server.packed},
            )
            return Reply(build_reply(nak), IPv4Address("255.255.255.255"), request.mac)
        self._hold(wanted, request.mac, now, self.config.lease_time)
        return self._grant(MessageType.ACK, request, wanted)

    def _decline(self, request: DhcpMessage, now: float) -> None:
        address = request.address(Option.REQUESTED)
        lease = self._leases.get(address) if address else None
        if lease is not None and lease.mac == request.mac:
            lease.mac, lease.expires = b"", now + _DECLINE_TIME

    def _release(self, request: DhcpMessage, now: float) -> None:
        lease = self._leases.get(request.client)
        if lease is not None and lease.mac == request.mac:
            lease.expires = now

    def _inform(self, request: DhcpMessage, _now: float) -> Reply | None:
        if request.client not in self.config.network:
            return None
        return self._grant(MessageType.ACK, request, ANY)

    def _choose(self, mac: bytes, wanted: IPv4Address | None, now: float) -> IPv4Address | None:
        if (host := self.config.static.get(mac)) is not None:
            return host.address
        for address, lease in self._leases.items():
            if lease.mac == mac:
                return address
        self._forget_expired(now)
        if len(self._leases) >= _MAX_LEASES:
            return None
        if wanted is not None and self._is_free(wanted, now):
            return wanted
        # Where the search begins comes from the MAC address, so a client finds its address again after a restart.
        first, count = int(self.config.network.network_address), self.config.network.num_addresses
        start = zlib.crc32(mac)
        tries = range(min(count, _MAX_LEASES + len(self._taken) + 2))
        candidates = (IPv4Address(first + (start + i) % count) for i in tries)
        return next((address for address in candidates if self._is_free(address, now)), None)

    def _may_have(self, mac: bytes, address: IPv4Address, now: float) -> bool:
        if (host := self.config.static.get(mac)) is not None:
            return host.address == address
        lease = self._leases.get(address)
        if lease is not None and lease.mac == mac:
            return True
        # A client that a former server gave this address may keep it.
        return self._is_free(address, now) and len(self._leases) < _MAX_LEASES

    def _in_pool(self, address: IPv4Address) -> bool:
        network = self.config.network
        edges = {network.network_address, network.broadcast_address}
        return address in network and address not in edges and address not in self._taken

    def _is_free(self, address: IPv4Address, now: float) -> bool:
        lease = self._leases.get(address)
        return self._in_pool(address) and (lease is None or lease.expires <= now)

    def _hold(self, address: IPv4Address, mac: bytes, now: float, seconds: float) -> None:
        if mac in self.config.static:
            return
        known = self._leases.get(address)
        until = now + seconds
        if known is not None and known.mac == mac:
            until = max(until, known.expires)
        for other in [other for other, lease in self._leases.items() if lease.mac == mac and other != address]:
            del self._leases[other]
        self._leases[address] = _Lease(mac, until)

    def _forget_expired(self, now: float) -> None:
        if len(self._leases) >= _MAX_LEASES:
            self._leases = {address: lease for address, lease in self._leases.items() if lease.expires > now}

    def _grant(self, kind: MessageType, request: DhcpMessage, address: IPv4Address) -> Reply:
        reply = DhcpMessage(
            type=kind,
            transaction=request.transaction,
            mac=request.mac,
            broadcast=request.broadcast,
            client=request.client if kind is MessageType.ACK else ANY,
            yours=address,
            options=self._options(request.mac, lease=address != ANY),
        )
        if request.client != ANY:
            destination = request.client
        elif request.broadcast:
            destination = IPv4Address("255.255.255.255")
        else:
            destination = address
        return Reply(build_reply(reply), destination, request.mac)

    def _options(self, mac: bytes, *, lease: bool) -> dict[int, bytes]:
        config = self.config
        options: dict[int, bytes] = {Option.SERVER: config.server.packed}
        if lease:
            seconds = config.lease_time
            options[Option.LEASE_TIME] = struct.pack("!I", seconds)
            options[Option.RENEWAL] = struct.pack("!I", seconds // 2)
            options[Option.REBINDING] = struct.pack("!I", seconds * 7 // 8)
        options[Option.SUBNET_MASK] = config.network.netmask.packed
        options[Option.ROUTER] = config.router.packed
        options[Option.DNS] = config.dns.packed
        options[Option.DOMAIN] = config.domain.encode()[:255]
        options[Option.BROADCAST] = config.network.broadcast_address.packed
        options[Option.MTU] = struct.pack("!H", config.mtu)
        if (host := config.static.get(mac)) is not None:
            options[Option.HOSTNAME] = host.hostname.encode()[:255]
        return options
