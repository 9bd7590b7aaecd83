"""Which addresses guests get: stable MACs from their names, and the lowest free IPv4 address of the subnet."""

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network

from msgspec.structs import replace

from vkd.config.model import Cluster, Guest, Nic

#: Chosen addresses begin here (the tenth) in subnets that have the room, and leave the lower ones to the user.
_FIRST_CHOSEN = 10
#: The first address behind those of the gateway (.1) and its DNS (.2).
_FIRST_FREE = 3
_ROOMY_PREFIX = 27


def gateway_address(subnet: str) -> str:
    """Return the gateway's address: the first of the subnet."""
    return str(IPv4Network(subnet)[1])


def dns_address(subnet: str) -> str:
    """Return the address of the gateway's DNS: the second of the subnet."""
    return str(IPv4Network(subnet)[2])


def mac_for(cluster: str, guest: str, network: str, ordinal: int) -> str:
    """Return a MAC address that is the same for the same names: locally administered, unicast, 40 bits of hash.

    `ordinal` counts the guest's cards on that network from 0.
    """
    digest = hashlib.sha256(f"{cluster}/{guest}/{network}/{ordinal}".encode()).digest()
    return ":".join(f"{byte:02x}" for byte in (2, *digest[:5]))


class Pool:
    """The addresses of one subnet that are free to choose."""

    def __init__(self, subnet: str, taken: set[str]) -> None:
        self._network = IPv4Network(subnet)
        self._taken = taken
        self._candidates = self._order()

    def choose(self) -> str | None:
        """Return the lowest free address, now taken, or nothing when all are."""
        for candidate in self._candidates:
            address = str(candidate)
            if address not in self._taken:
                self._taken.add(address)
                return address
        return None

    def _order(self) -> Iterator[IPv4Address]:
        last = self._network.num_addresses - 1
        first = _FIRST_CHOSEN if self._network.prefixlen <= _ROOMY_PREFIX else _FIRST_FREE
        for at in itertools.chain(range(first, last), range(_FIRST_FREE, first)):
            yield self._network[at]


def keep_addresses(old: Cluster | None, new: Cluster) -> Cluster:
    """Return `new` with the addresses that were chosen for the same guests in `old`, where they are still free.

    So a guest added at the top of a file does not renumber those that run. Addresses that the file fixes stay. Where a
    cluster has several hosts, the file alone says which address is whose: the others may not have run what ran here.
    """
    if old is None or new.host is not None:
        return new
    before = {
        key: nic.address
        for key, nic in _chosen(old)
        if key[1] in new.networks and old.networks[key[1]].subnet == new.networks[key[1]].subnet
    }
    taken = {name: {nic.address for nic in _nics(new) if nic.fixed and nic.network == name} for name in new.networks}
    kept: dict[tuple[str, str, int], str] = {}
    for key, nic in _chosen(new):
        address = before.get(key)
        if address is not None and address not in taken[nic.network]:
            kept[key] = address
            taken[nic.network].add(address)
    pools = {name: Pool(network.subnet, taken[name]) for name, network in new.networks.items()}
    for key, nic in _chosen(new):
        if key not in kept:
            kept[key] = pools[nic.network].choose() or nic.address
    guests = {name: replace(guest, nics=_with(guest, kept)) for name, guest in new.guests.items()}
    return replace(new, guests=guests)


def numbered(nics: Iterable[Nic]) -> Iterator[tuple[int, Nic]]:
    """Yield each card with its ordinal among those on the same network."""
    count: Counter[str] = Counter()
    for nic in nics:
        yield count[nic.network], nic
        count[nic.network] += 1


def _nics(cluster: Cluster) -> Iterator[Nic]:
    return (nic for guest in cluster.guests.values() for nic in guest.nics)


def _chosen(cluster: Cluster) -> Iterator[tuple[tuple[str, str, int], Nic]]:
    for guest in cluster.guests.values():
        for ordinal, nic in numbered(guest.nics):
            if not nic.fixed:
                yield (guest.name, nic.network, ordinal), nic


def _with(guest: Guest, kept: dict[tuple[str, str, int], str]) -> tuple[Nic, ...]:
    return tuple(
        replace(nic, address=kept.get((guest.name, nic.network, ordinal), nic.address)) if not nic.fixed else nic
        for ordinal, nic in numbered(guest.nics)
    )
