"""A network of a cluster as vether has it: the specification that its switch is given.

What vether understands is described in :mod:`vether.config`; this is the only place in vkd that writes it.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from vkd.config.hosts import names_elsewhere, ports_of
from vkd.config.model import Cluster, Guest

#: Where a guest's ssh is forwarded to on the host.
LOOPBACK = "127.0.0.1"

#: The longest name of a port, bytes; it is also a file's name in a socket's path.
_LONGEST = 31


def port_name(guest: Guest, number: int) -> str:
    """Return the name of the switch port of a guest's card: the guest's, with the card's number if it has several.

    A guest's name that is the switch's own port's gets a number, too.
    """
    name = guest.name if len(guest.nics) == 1 and guest.name != "gateway" else f"{guest.name}.{number}"
    if len(name) <= _LONGEST:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: _LONGEST - 9]}-{digest}"


def ssh_network(cluster: Cluster, guest: Guest) -> str | None:
    """Return the network whose gateway leads to a guest: the first of its networks that has one."""
    return next((nic.network for nic in guest.nics if cluster.networks[nic.network].gateway), None)


def switch_spec(cluster: Cluster, name: str, ssh_ports: Mapping[str, int | None]) -> dict[str, Any]:
    """Return the specification of the switch that serves network `name`.

    `ssh_ports` gives, by guest, the port of the host's loopback that is to lead to its ssh.
    """
    network = cluster.networks[name]
    elsewhere = names_elsewhere(cluster, name)
    return {
        **network.switch,
        "name": name,
        "subnet": network.subnet,
        "gateway": network.gateway,
        "gateway_address": network.gateway_address,
        "dns_address": network.dns_address,
        "domain": network.domain,
        "mtu": network.mtu,
        "host_loopback": network.host_loopback,
        # Guests come first: a mistake is told of a further port that takes a guest's name, not of the guest.
        "ports": [
            *(port for guest in cluster.guests.values() for _, port in guest_ports(guest, name)),
            *(port for _, port in ports_of(network, cluster.host)),
        ],
        "hosts": [{"name": guest, "address": address} for guest, address in elsewhere.items()],
        "forwards": [
            forward
            for guest in cluster.guests.values()
            if ssh_network(cluster, guest) == name
            for forward in _forwards(guest, name, ssh_ports.get(guest.name))
        ],
    }


def guest_ports(guest: Guest, network: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the ports of a guest's cards on `network`, with the numbers of the cards."""
    named = False
    for number, nic in enumerate(guest.nics):
        if nic.network == network:
            port = {**nic.port, "name": port_name(guest, number), "mac": nic.mac, "address": nic.address}
            # One name, one address: that of the first card.
            yield number, port if named else {**port, "hostname": guest.name}
            named = True


def _forwards(guest: Guest, network: str, ssh_port: int | None) -> Iterator[dict[str, Any]]:
    address = next(nic.address for nic in guest.nics if nic.network == network)
    if ssh_port is not None:
        yield {
            "proto": "tcp",
            "host": LOOPBACK,
            "host_port": ssh_port,
            "guest": address,
            "guest_port": guest.ssh.port,
        }
    for forward in guest.forwards:
        yield {
            "proto": forward.protocol,
            "host": forward.host_address,
            "host_port": forward.host_port,
            "guest": address,
            "guest_port": forward.guest_port,
        }
