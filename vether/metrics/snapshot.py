"""What metrics are made of: plain values, taken all at once."""

import time
from dataclasses import dataclass
from typing import Any

from vether import __version__
from vether.monitor.feed import Feed
from vether.neighbours.service import Neighbours
from vether.network import Network


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A switch at one moment: rows as the native switch and `vether show` have them."""

    network: str
    version: str
    #: Seconds since 1970.
    time: float
    ports: list[dict[str, Any]]
    addresses: int
    addresses_refused: int
    groups: int
    groups_refused: int
    peers: list[dict[str, Any]]
    tunnel_drops: dict[str, int]
    netem: list[dict[str, Any]]
    stp: dict[str, Any] | None
    loops: list[dict[str, Any]]
    neighbours: list[dict[str, Any]]
    events: int
    followers: int


def take(network: Network, neighbours: Neighbours, feed: Feed) -> Snapshot:
    """Look at everything."""
    switch = network.switch
    return Snapshot(
        network=network.spec.name,
        version=__version__,
        time=time.time(),
        ports=switch.ports(),
        addresses=switch.fdb_size(),
        addresses_refused=switch.fdb_refused(),
        groups=len(switch.groups()),
        groups_refused=switch.groups_refused(),
        peers=network.peers.show(),
        tunnel_drops=network.peers.drops(),
        netem=switch.netem(),
        stp=neighbours.show_stp(),
        loops=neighbours.show_loops(),
        neighbours=neighbours.show_neighbours(),
        events=feed.count,
        followers=feed.followers,
    )
