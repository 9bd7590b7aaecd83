"""Cluster files: the schema, the resolver and the difference between two clusters.

>>> load(Path("cluster.toml")).cluster.guests["a"].memory
134217728

| module | what |
|---|---|
| `schema` | every key: type, default, meaning, example |
| `values` | kinds of values that TOML has no type for |
| `model` | a resolved :class:`Cluster`, as the daemon gets it |
| `load` | file -> `Cluster`, or :class:`~vkd.errors.ConfigError` with each problem's line |
| `check`, `layers`, `networks`, `guests`, `addresses`, `resolve` | the steps in between, pure |
| `passed`, `switchspec`, `switches` | the switch's keys: their names, what vether gets, where its complaints belong |
| `hosts` | one host's part of a cluster that has several, and the tunnels |
| `diff` | what a new file changes |
| `reference` | writes the reference page and the JSON schema |
"""

from vkd.config.addresses import keep_addresses
from vkd.config.diff import Changes, GuestChange, diff
from vkd.config.load import Loaded, load, parse_untrusted
from vkd.config.model import Cluster, Disk, Forward, Guest, GuestFile, Network, Nic, Restart, Ssh

__all__ = [
    "Changes",
    "Cluster",
    "Disk",
    "Forward",
    "Guest",
    "GuestChange",
    "GuestFile",
    "Loaded",
    "Network",
    "Nic",
    "Restart",
    "Ssh",
    "diff",
    "keep_addresses",
    "load",
    "parse_untrusted",
]
