"""Cards that cannot reach the gateway of their network, for its VLAN is another one. Valid, and hardly ever meant."""

from collections.abc import Mapping
from typing import Any

import msgspec

from vkd.config.layers import Merged
from vkd.config.model import Cluster, Guest, Network, Nic
from vkd.config.problem import Problems
from vkd.config.switchspec import ssh_network


def check_gateway(cluster: Cluster, merged: Mapping[str, Merged], warnings: Problems) -> None:
    """Add a warning for each card of a checked cluster whose untagged frames are not in the gateway's VLAN.

    Guests speak without tags unless they are told otherwise, and so does vkd's ssh to them.
    """
    for guest in cluster.guests.values():
        for number, nic in enumerate(guest.nics):
            network = cluster.networks[nic.network]
            if not network.gateway or "wire" in nic.port:
                continue
            gateway, card = network.switch.get("gateway_vlan"), _untagged(nic)
            if card != gateway:
                lost = "DHCP, DNS or way out" if nic is not _ssh_card(cluster, guest) else "ssh, DHCP, DNS or way out"
                text = (
                    f"the card's untagged frames are in {_named(card)}, the gateway of network {network.name!r} is in "
                    f"{_named(gateway)}: no {lost} by this card"
                )
                key = "vlan" if "vlan" in nic.port else "network"
                warnings.add(merged[guest.name].origin("nics", number, key), text, hint=_advice(network, card))


def _ssh_card(cluster: Cluster, guest: Guest) -> Nic | None:
    """Return the card that vkd's ssh goes to."""
    network = ssh_network(cluster, guest)
    return next((nic for nic in guest.nics if nic.network == network), None)


def _untagged(nic: Nic) -> int | None:
    """Return the VLAN of the card's untagged frames; none if it is transparent, 0 if it takes no such frames."""
    vlan: Any = nic.port.get("vlan", msgspec.UNSET)
    if not isinstance(vlan, Mapping):
        return None
    return vlan.get("access") or vlan.get("native") or 0


def _named(vlan: int | None) -> str:
    return "no VLAN" if vlan is None else f"VLAN {vlan}" if vlan else "none that it may send"


def _advice(network: Network, card: int | None) -> str:
    if card == 0:
        return "give it a VLAN for them, with `native`"
    if card is None:
        return (
            f"vlan.access = {network.switch['gateway_vlan']} for the card, or no networks.{network.name}.gateway_vlan"
        )
    return f"networks.{network.name}.gateway_vlan = {card} puts the gateway there"
