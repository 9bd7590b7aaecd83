"""What changes when a cluster is replaced by another. Pure."""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec.structs import replace

from vkd.config.hosts import names_elsewhere
from vkd.config.model import Cluster, Guest, Network, Nic

#: Keys of a guest that take effect while it runs; any other key needs a restart.
LIVE_KEYS = frozenset({"forwards", "restart", "wait_for", "boot_stall", "stop_timeout"})

#: Keys of a network that its guests are started with; any other changes in the switch alone, while they run.
GUESTS_KEYS = frozenset({"subnet", "gateway", "gateway_address", "dns_address", "domain", "mtu"})


class GuestChange(msgspec.Struct, frozen=True, kw_only=True):
    """A guest in both clusters that differs in `keys`; `NETWORK.KEY` stands for a key of a network it is on."""

    keys: tuple[str, ...]
    restart: bool


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """The difference, by name, in the order of the new file. `changed_networks` gives the keys that differ.

    Of the switch's keys, `ports.NAME` is one of the further ports, and `hosts` are guests of other hosts.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: dict[str, GuestChange] = {}
    added_networks: tuple[str, ...] = ()
    removed_networks: tuple[str, ...] = ()
    changed_networks: dict[str, tuple[str, ...]] = {}

    @property
    def nothing(self) -> bool:
        """Whether there is no difference."""
        return self == Changes()


def diff(old: Cluster | None, new: Cluster) -> Changes:
    """Return what `new` changes; `old` is nothing when the cluster is new.

    Apply :func:`~vkd.config.addresses.keep_addresses` to `new` first, lest addresses move for no reason.
    """
    old_guests = old.guests if old else {}
    old_networks = old.networks if old else {}
    changed_networks = {
        name: keys
        for name, network in new.networks.items()
        if old is not None and name in old_networks and (keys := tuple(_network_change(old, new, network)))
    }
    changed = {
        name: change
        for name, guest in new.guests.items()
        if name in old_guests and (change := _guest_change(old_guests[name], guest, changed_networks))
    }
    return Changes(
        added=tuple(name for name in new.guests if name not in old_guests),
        removed=tuple(name for name in old_guests if name not in new.guests),
        changed=changed,
        added_networks=tuple(name for name in new.networks if name not in old_networks),
        removed_networks=tuple(name for name in old_networks if name not in new.networks),
        changed_networks=changed_networks,
    )


def _network_change(old: Cluster, new: Cluster, network: Network) -> Iterator[str]:
    before = old.networks[network.name]
    yield from _differing(replace(before, switch={}), replace(network, switch={}))
    for key in dict.fromkeys((*network.switch, *before.switch)):
        was, now = before.switch.get(key), network.switch.get(key)
        if key == "ports":
            yield from _differing_ports(was or [], now or [])
        elif was != now:
            yield key
    if names_elsewhere(old, network.name) != names_elsewhere(new, network.name):
        yield "hosts"


def _differing_ports(was: list[dict[str, Any]], now: list[dict[str, Any]]) -> Iterator[str]:
    before, after = ({str(port.get("name")): port for port in ports} for ports in (was, now))
    for name in dict.fromkeys((*after, *before)):
        if before.get(name) != after.get(name):
            yield f"ports.{name}"


def _guest_change(old: Guest, new: Guest, networks: dict[str, tuple[str, ...]]) -> GuestChange | None:
    keys = [key for key in _differing(old, new) if key != "nics"]
    live, cards = LIVE_KEYS.issuperset(keys), [_card(nic) for nic in new.nics]
    if [_card(nic) for nic in old.nics] != cards:
        keys, live = [*keys, "nics"], False
    else:
        keys += [
            f"nics[{number}].{key}"
            for number, (before, after) in enumerate(zip(old.nics, new.nics, strict=True))
            for key in dict.fromkeys((*after.port, *before.port))
            if before.port.get(key) != after.port.get(key)
        ]
    beneath = [
        f"{nic.network}.{key}" for nic in new.nics for key in networks.get(nic.network, ()) if key in GUESTS_KEYS
    ]
    every = (*keys, *dict.fromkeys(beneath))
    return GuestChange(keys=every, restart=bool(beneath) or not live) if every else None


def _card(nic: Nic) -> Nic:
    """Return a card as the guest knows it."""
    return replace(nic, port={})


def _differing(old: Guest | Network, new: Guest | Network) -> tuple[str, ...]:
    return tuple(key for key in new.__struct_fields__ if getattr(old, key) != getattr(new, key))
