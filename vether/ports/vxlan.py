"""VXLAN (RFC 7348): Ethernet over UDP to peers from a list, as the kernel and other switches speak it."""

import contextlib
from ipaddress import ip_address

from vether.errors import SpecError
from vether.folder import Folder
from vether.ports import udp
from vether.ports.base import PortSpec
from vkd._native import Link

#: IANA's port.
PORT = 4789
_MAX_VNI = (1 << 24) - 1
#: Sockets to send from, so that flows have different source ports and spread over links (RFC 7348, section 5).
_SENDERS = 8
_AGEING = 300.0


class VxlanPort(PortSpec, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="vxlan"):
    """A tunnel to listed peers. Who is behind which peer is learned; the rest is sent to all. Nothing is encrypted."""

    #: The number of the network.
    vni: int
    #: ADDRESS, or ADDRESS:PORT where it is not `port`; of one IP version.
    peers: tuple[str, ...]
    #: The address of this machine that peers send to; all if not given.
    local: str | None = None
    #: The UDP port, of both sides.
    port: int = PORT
    #: MTU of the network between the peers: longer packets are dropped. If not given, they are fragmented.
    outer_mtu: int | None = None

    def check(self, where: str) -> None:
        """Raise `SpecError` for what a type cannot say."""
        if not 0 <= self.vni <= _MAX_VNI:
            raise SpecError(f"{where}.vni: {self.vni} is not between 0 and {_MAX_VNI}")
        udp.check_port(f"{where}.port", self.port)
        if not self.peers:
            raise SpecError(f"{where}.peers: there is none")
        peers = [udp.parse_peer(f"{where}.peers[{i}]", peer, self.port) for i, peer in enumerate(self.peers)]
        addresses = [address for address, _ in peers]
        for i, address in enumerate(addresses):
            if address.is_multicast or address.is_unspecified:
                raise SpecError(f"{where}.peers[{i}]: {address} is no one's address", hint="name each peer's own")
            if address in addresses[:i]:
                raise SpecError(f"{where}.peers[{i}]: {address} is there twice")
            if address.version != addresses[0].version:
                raise SpecError(f"{where}.peers[{i}]: {address} is of another IP version than {addresses[0]}")
        if self.local is not None:
            check_local(f"{where}.local", self.local, addresses[0].version)
        udp.check_outer_mtu(f"{where}.outer_mtu", self.outer_mtu, addresses[0].version)

    def open(self, folder: Folder) -> Link:
        """Bind the sockets and make the tunnel."""
        peers = [udp.parse_peer("peers", peer, self.port) for peer in self.peers]
        version = peers[0][0].version
        local = ip_address(self.local) if self.local else udp.any_address(version)
        with contextlib.ExitStack() as stack:
            receiver = stack.enter_context(udp.bind(self.name, local, self.port))
            senders = [stack.enter_context(udp.bind(self.name, local, 0)) for _ in range(_SENDERS)]
            return Link.vxlan(
                receiver.fileno(),
                [sender.fileno() for sender in senders],
                peers,
                vni=self.vni,
                longest=udp.longest_payload(self.outer_mtu, version),
                ageing=_AGEING,
            )

    def endpoint(self, folder: Folder) -> str:
        """Return where peers send to."""
        return f"udp {self.local or '*'} port {self.port}"


def check_local(where: str, text: str, version: int) -> None:
    """Raise `SpecError` if `text` is not an address of IP `version`."""
    try:
        address = ip_address(text)
    except ValueError as error:
        raise SpecError(f"{where}: {error}") from error
    if address.version != version:
        raise SpecError(f"{where}: {address} is of another IP version than the peers")
