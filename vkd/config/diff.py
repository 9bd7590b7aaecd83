"""What changes when a cluster is replaced by another. Pure."""

import msgspec

from vkd.config.model import Cluster, Guest, Network

#: Keys of a guest that take effect while it runs; any other key needs a restart.
LIVE_KEYS = frozenset({"forwards", "restart", "wait_for", "boot_stall", "stop_timeout"})


class GuestChange(msgspec.Struct, frozen=True, kw_only=True):
    """A guest in both clusters that differs in `keys`; `network.KEY` stands for a key of a network it is on."""

    keys: tuple[str, ...]
    restart: bool


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """The difference, by name, in the order of the new file. `changed_networks` gives the keys that differ."""

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
        name: _differing(old_networks[name], network)
        for name, network in new.networks.items()
        if name in old_networks and old_networks[name] != network
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


def _guest_change(old: Guest, new: Guest, networks: dict[str, tuple[str, ...]]) -> GuestChange | None:
    keys = _differing(old, new)
    beneath = [f"{nic.network}.{key}" for nic in new.nics for key in networks.get(nic.network, ())]
    every = (*keys, *dict.fromkeys(beneath))
    if not every:
        return None
    return GuestChange(keys=every, restart=bool(beneath) or not LIVE_KEYS.issuperset(keys))


def _differing(old: Guest | Network, new: Guest | Network) -> tuple[str, ...]:
    return tuple(key for key in new.__struct_fields__ if getattr(old, key) != getattr(new, key))
