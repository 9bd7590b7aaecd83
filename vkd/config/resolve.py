"""Turn a document (what tomllib gives) into a :class:`~vkd.config.model.Cluster`, or into problems. Pure."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from vkd.config.addresses import Pool
from vkd.config.check import check
from vkd.config.guests import TO_CHOOSE, Surroundings, resolve_guest
from vkd.config.hosts import Hosts, check_hosts, resolve_hosts
from vkd.config.layers import Merged, merge
from vkd.config.model import Cluster, Guest, Network, Nic
from vkd.config.networks import resolve_networks
from vkd.config.problem import Problems
from vkd.config.schema import ClusterTable
from vkd.config.switches import check_switches

_NAME_WITHOUT_FILE_NAME = "cluster"


def resolve(
    document: Mapping[str, Any], stem: str, folder: Path, problems: Problems
) -> tuple[Cluster, dict[str, Merged], Hosts]:
    """Return the cluster, each guest's merged keys, which know where in the file a value came from, and the hosts.

    `stem` names a cluster that has no `name`; relative paths are seen from `folder`. The cluster is good only if
    `problems` is empty afterwards.
    """
    clean = check(dict(document), ClusterTable, (), problems)
    name = clean.get("name") or _host_name(stem)
    hosts = resolve_hosts(clean, folder, problems)
    networks = resolve_networks(clean, name, folder, problems)
    if not clean.get("guests") and not problems.found:
        problems.add((), "there is no guest", hint="add a table such as [guests.a]")
    merged = {guest: merge(clean, guest, problems) for guest in clean.get("guests", {})}
    around = Surroundings(name, networks, folder, problems)
    guests = {guest: resolve_guest(guest, keys, around) for guest, keys in merged.items()}
    _choose_addresses(guests, networks, merged, problems)
    _check_macs(guests, merged, problems)
    _check_forwards(guests, merged, problems)
    if "networks" not in document and not any(guest.nics for guest in guests.values()):
        networks = {}  # nobody asked for one
    whole = Cluster(name=name, mirror=clean.get("mirror"), networks=networks, guests=guests)
    check_hosts(whole, hosts, merged, problems)
    for part in [hosts.part(whole, host) for host in hosts.by_name] or [whole]:
        check_switches(part, merged, problems)
    return whole, merged, hosts


#: The host address of a forward that listens at all of them.
_EVERY = "0.0.0.0"  # noqa: S104 - compared with, not bound to


def _host_name(stem: str) -> str:
    name = "".join(char if char.isascii() and char.isalnum() else "-" for char in stem.lower())[:63].strip("-")
    return name or _NAME_WITHOUT_FILE_NAME


def _choose_addresses(
    guests: dict[str, Guest], networks: dict[str, Network], merged: dict[str, Merged], problems: Problems
) -> None:
    """Replace, in `guests`, the addresses that are to choose; two cards with one address are a problem."""
    owners: dict[tuple[str, str], tuple[str, int]] = {}
    for owned, at, nic in _cards(guests):
        if nic.address != TO_CHOOSE:
            owner = owners.setdefault((nic.network, nic.address), (owned, at))
            if owner != (owned, at):
                where = merged[owned].origin("nics", at, "address")
                problems.add(where, f"{nic.address} is the address of guest {owner[0]!r} already")
    pools = {
        name: Pool(network.subnet, {address for of, address in owners if of == name})
        for name, network in networks.items()
    }
    for name, guest in list(guests.items()):
        nics = []
        for at, nic in enumerate(guest.nics):
            address = nic.address if nic.fixed else pools[nic.network].choose()
            if address is None:
                subnet = networks[nic.network].subnet
                problems.add(
                    merged[name].origin("nics", at), f"no address of {subnet} is left", hint="use a larger subnet"
                )
            nics.append(replace(nic, address=address or TO_CHOOSE))
        guests[name] = replace(guest, nics=tuple(nics))


def _check_macs(guests: dict[str, Guest], merged: dict[str, Merged], problems: Problems) -> None:
    owners: dict[tuple[str, str], tuple[str, int]] = {}
    for guest, at, nic in _cards(guests):
        owner = owners.setdefault((nic.network, nic.mac), (guest, at))
        if owner != (guest, at):
            where = merged[guest].origin("nics", at, "mac")
            problems.add(where, f"{nic.mac} is the MAC address of guest {owner[0]!r} already")


def _check_forwards(guests: dict[str, Guest], merged: dict[str, Merged], problems: Problems) -> None:
    owners: dict[tuple[str | None, str, int], list[tuple[str, str]]] = {}
    for name, guest in guests.items():
        for at, forward in enumerate(guest.forwards):
            taken = owners.setdefault((guest.host, forward.protocol, forward.host_port), [])
            for address, owner in taken:
                # A port of all addresses is a port of each.
                if address == forward.host_address or _EVERY in {address, forward.host_address}:
                    where = merged[name].origin("forwards", at)
                    port = f"{address}:{forward.host_port}/{forward.protocol}"
                    problems.add(where, f"{port} leads to guest {owner!r} already")
                    break
            taken.append((forward.host_address, name))


def _cards(guests: dict[str, Guest]) -> Iterator[tuple[str, int, Nic]]:
    for name, guest in guests.items():
        for at, nic in enumerate(guest.nics):
            yield name, at, nic
