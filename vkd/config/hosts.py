"""A cluster on several hosts: what of it is one host's part, and the tunnels between the parts. Pure.

Every host reads the same file and works out the same addresses; each has its own switch of a network, with a gateway at
the same address that serves the host's guests alone. The switches of a network are a full mesh.
"""

import hashlib
import itertools
from collections.abc import Iterator, Mapping
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from vkd.config.guests import absolute
from vkd.config.layers import Merged
from vkd.config.model import Cluster, Elsewhere, Guest, Host, Network
from vkd.config.problem import KeyPath, Problems
from vkd.config.schema import HostTable
from vkd.config.values import nearest
from vkd.paths import host_key_file

#: The longest name of a port of vether, bytes.
_LONGEST = 31
#: The longest name of a network between switches, bytes.
_LONGEST_CALLED = 64
_MAX_PORT = 65535


class Hosts(msgspec.Struct, frozen=True):
    """The hosts by name, and the file of the secret that all of them have."""

    by_name: dict[str, Host] = {}
    psk: str | None = None

    def part(self, whole: Cluster, name: str) -> Cluster:
        """Return what host `name` has of a cluster: its guests, the networks that reach it, and their tunnels."""
        networks: dict[str, Network] = {}
        for number, network in enumerate(whole.networks.values()):
            present = self.present(whole, network)
            if name not in present:
                continue
            switch = dict(network.switch)
            if "ports" in switch:
                switch["ports"] = [port for _, port in ports_of(network, name)]
            if len(present) > 1:
                switch |= self._tunnel(name, [other for other in present if other != name], number)
                switch["tunnel"]["network"] = _called(whole.name, network.name)
            networks[network.name] = replace(network, switch=switch)
        return replace(
            whole,
            host=name,
            networks=networks,
            guests={guest.name: guest for guest in whole.guests.values() if guest.host == name},
            elsewhere={
                guest.name: Elsewhere(host=guest.host or "", nics=guest.nics)
                for guest in whole.guests.values()
                if guest.host != name
            },
        )

    def present(self, whole: Cluster, network: Network) -> list[str]:
        """Return the hosts that have a guest or a further port in `network`."""
        found = {
            guest.host for guest in whole.guests.values() if any(nic.network == network.name for nic in guest.nics)
        }
        for port in _ports(network):
            found |= {port.get("host")} if "host" in port else set(self.by_name)
        return [name for name in self.by_name if name in found]

    def _tunnel(self, name: str, others: list[str], number: int) -> dict[str, Any]:
        own = self.by_name[name]
        everywhere = "[::]" if any(_is_ipv6(host.address) for host in self.by_name.values()) else "0.0.0.0"  # noqa: S104
        listen = everywhere if own.listen is None else _bracketed(own.listen)
        peers = []
        for host in (self.by_name[other] for other in others):
            peer = {"name": _peer_name(host.name), "public_key": host.public_key}
            if host.address is not None:
                peer["endpoint"] = f"{_bracketed(host.address)}:{host.port + number}"
            peers.append(peer if self.psk is None else {**peer, "psk": self.psk})
        tunnel = {"key": own.key or str(host_key_file()), "listen": f"{listen}:{own.port + number}", "gateway": False}
        return {"tunnel": tunnel, "peers": peers}


def resolve_hosts(document: Mapping[str, Any], folder: Path, problems: Problems) -> Hosts:
    """Return the hosts of a checked document."""
    tables: Mapping[str, Mapping[str, Any]] = document.get("hosts", {})
    if not tables:
        if "psk" in document:
            problems.add(("psk",), "it is for tunnels between [hosts], and there are none")
        return Hosts()
    if "name" not in document:
        problems.add((), "a cluster of several hosts needs a name of its own", hint='such as name = "lab"')
    hosts = {name: _host(name, table, folder) for name, table in tables.items()}
    count = len(document.get("networks", {})) or 1
    for host in hosts.values():
        if host.name == "gateway" or host.name in document.get("guests", {}):
            of = "the switch's gateway" if host.name == "gateway" else "a guest"
            problems.add(("hosts", host.name), f"{of} has that name", hint="give the host another one")
        if host.port + count - 1 > _MAX_PORT:
            problems.add(("hosts", host.name, "port"), f"{host.port} leaves no ports for {count} networks")
    for one, other in itertools.combinations(hosts.values(), 2):
        if one.public_key == other.public_key:
            problems.add(("hosts", other.name, "public_key"), f"it is the key of host {one.name!r} already")
        if one.address is not None and one.address == other.address and abs(one.port - other.port) < count:
            where = ("hosts", other.name, "port" if "port" in tables[other.name] else "address")
            text = f"{one.address} with these UDP ports is host {one.name!r} already"
            problems.add(where, text, hint=f"each network takes a port, from `port` on; there are {count}")
    psk = absolute(document["psk"], folder) if "psk" in document else None
    return Hosts(hosts, psk)


def check_hosts(whole: Cluster, hosts: Hosts, merged: Mapping[str, Merged], problems: Problems) -> None:
    """Add a problem for what does not fit the hosts: guests, ports, and networks that nobody could join."""
    for guest in whole.guests.values():
        _check_guest(guest, hosts, merged[guest.name], problems)
    for network in whole.networks.values():
        for at, port in enumerate(_ports(network)):
            if "host" in port and port["host"] not in hosts.by_name:
                _no_host(("networks", network.name, "ports", at, "host"), port["host"], hosts, problems)
        present = hosts.present(whole, network)
        if len(present) > 1:
            _check_ports(whole, network, problems)
        for one, other in itertools.combinations((hosts.by_name[name] for name in present), 2):
            if one.address is None and other.address is None:
                text = (
                    f"neither it nor host {one.name!r} has an address, and network {network.name!r} needs one of them"
                )
                problems.add(("hosts", other.name), text, hint="address = ...")
        for key in ("tunnel", "peers"):
            if len(present) > 1 and key in network.switch:
                text = f"the tunnels between the hosts {', '.join(present)} make themselves"
                problems.add(("networks", network.name, key), text, hint=f"take {key} out")


def ports_of(network: Network, host: str | None) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the further ports that `host` has of a network, as vether takes them, with their index in the file."""
    for at, port in enumerate(_ports(network)):
        if host is None or port.get("host", host) == host:
            yield at, {key: value for key, value in port.items() if key != "host"}


def names_elsewhere(cluster: Cluster, network: str) -> dict[str, str]:
    """Return the guests of other hosts that are in `network`, and their addresses there."""
    names: dict[str, str] = {}
    for name, guest in cluster.elsewhere.items():
        for nic in guest.nics:
            if nic.network == network:
                names.setdefault(name, nic.address)
    return names


def _ports(network: Network) -> list[dict[str, Any]]:
    ports: list[dict[str, Any]] = network.switch.get("ports", [])
    return ports


def _host(name: str, table: Mapping[str, Any], folder: Path) -> Host:
    keys = msgspec.convert(table, HostTable)
    return Host(
        name=name,
        address=None if keys.address is UNSET else keys.address,
        port=keys.port,
        public_key=keys.public_key,
        key=None if keys.key is UNSET else absolute(keys.key, folder),
        listen=None if keys.listen is UNSET else keys.listen,
    )


def _check_guest(guest: Guest, hosts: Hosts, merged: Merged, problems: Problems) -> None:
    if guest.host is None:
        if hosts.by_name:
            some = ", ".join(hosts.by_name)
            problems.add(merged.origin("host"), "the key 'host' is missing", hint=f"the hosts are: {some}")
    elif guest.host not in hosts.by_name:
        _no_host(merged.origin("host"), guest.host, hosts, problems)


def _no_host(where: tuple[str | int, ...], name: object, hosts: Hosts, problems: Problems) -> None:
    near = nearest(str(name), hosts.by_name)
    hint = f"did you mean {near!r}?" if near else None if hosts.by_name else "add a table such as [hosts.NAME]"
    problems.add(where, f"there is no host {name!r}", allowed=", ".join(hosts.by_name) or None, hint=hint)


def _check_ports(whole: Cluster, network: Network, problems: Problems) -> None:
    """Add a problem for each further port that has what a guest or port of another host has: no switch sees both."""
    owners: dict[tuple[str, str], tuple[str | None, str]] = {}
    for guest in whole.guests.values():
        for nic in guest.nics:
            if nic.network == network.name:
                for thing in (("mac", nic.mac), ("address", nic.address), ("hostname", guest.name)):
                    owners.setdefault((thing[0], thing[1].lower()), (guest.host, f"guest {guest.name!r}"))
    for at, port in enumerate(_ports(network)):
        host, who = port.get("host"), f"port {port.get('name')!r}"
        has: dict[str, Any] = {key: port[key] for key in ("mac", "address") if key in port}
        if "address" in port:
            has["hostname"] = port.get("hostname", port.get("name"))
        for key, value in has.items():
            if not isinstance(value, str):
                continue  # vether tells that
            where: KeyPath = ("networks", network.name, "ports", at, key if key in port else "name")
            owner = owners.setdefault((key, value.lower()), (host, who))
            if host is None and key != "hostname":
                problems.add(
                    where, f"each host has this port, and only one may have the {key} {value}", hint="host = ..."
                )
            elif owner[0] not in {None, host}:
                problems.add(where, f"{value} is that of {owner[1]} on host {owner[0]!r} already")


def _called(cluster: str, network: str) -> str:
    """Return what switches call a network: two clusters of the same hosts are not to meet in their `lan`."""
    name = f"{cluster}/{network}"
    if len(name) <= _LONGEST_CALLED:
        return name
    return f"{name[: _LONGEST_CALLED - 17]}-{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def _peer_name(host: str) -> str:
    if len(host) <= _LONGEST:
        return host
    return f"{host[: _LONGEST - 9]}-{hashlib.sha256(host.encode()).hexdigest()[:8]}"


def _is_ipv6(address: str | None) -> bool:
    return address is not None and ":" in address


def _bracketed(address: str) -> str:
    return f"[{IPv6Address(address)}]" if _is_ipv6(address) else address
