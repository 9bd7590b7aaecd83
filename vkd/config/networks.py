"""Resolve `[networks]`: a subnet for each, none within another."""

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import msgspec

from vkd.config.addresses import dns_address, gateway_address
from vkd.config.guests import with_absolute_paths
from vkd.config.model import Network
from vkd.config.passed import SWITCH_KEYS
from vkd.config.problem import Problems
from vkd.config.schema import NetworkTable

#: The network that there is when the file has no `[networks]`.
DEFAULT_NETWORK = "lan"

_CHOSEN_FROM = IPv4Network("10.77.0.0/16")


def resolve_networks(document: Mapping[str, Any], cluster: str, folder: Path, problems: Problems) -> dict[str, Network]:
    """Return the networks by name; subnets that the file leaves open are the lowest free ones."""
    tables: Mapping[str, Mapping[str, Any]] = document.get("networks", {DEFAULT_NETWORK: {}})
    given: dict[str, IPv4Network] = {}
    for name, table in tables.items():
        if "subnet" in table:
            subnet = IPv4Network(table["subnet"])
            for other, used in given.items():
                if subnet.overlaps(used):
                    problems.add(("networks", name, "subnet"), f"{subnet} overlaps {used} of network {other!r}")
            given[name] = subnet
    free = _free(list(given.values()))
    resolved = {}
    for name, table in tables.items():
        chosen = given.get(name) or next(free, None)
        if chosen is None:
            problems.add(("networks", name), f"no subnet of {_CHOSEN_FROM} is left for it", hint="give it a subnet")
            continue
        resolved[name] = _network(name, table, str(chosen), cluster, folder)
    return resolved


def _free(used: list[IPv4Network]) -> Iterator[IPv4Network]:
    for candidate in _CHOSEN_FROM.subnets(new_prefix=24):
        if not any(candidate.overlaps(other) for other in used):
            yield candidate


def _network(name: str, table: Mapping[str, Any], subnet: str, cluster: str, folder: Path) -> Network:
    keys = msgspec.convert(table, NetworkTable)
    return Network(
        name=name,
        subnet=subnet,
        gateway=keys.gateway,
        gateway_address=gateway_address(subnet) if keys.gateway else None,
        dns_address=dns_address(subnet) if keys.gateway else None,
        domain=keys.domain or f"{cluster}.vkd",
        mtu=keys.mtu,
        host_loopback=keys.host_loopback,
        switch=with_absolute_paths({key: table[key] for key in SWITCH_KEYS if key in table}, folder),
    )
