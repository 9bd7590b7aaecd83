"""A snapshot as metrics of Prometheus: names, units and labels by its conventions."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from vether.metrics.snapshot import Snapshot

#: Key of a port's row, name, text.
_PORT_COUNTERS = (
    ("rx_frames", "receive_frames", "Frames received from the port's peer."),
    ("rx_bytes", "receive_bytes", "Bytes of frames received from the port's peer."),
    ("tx_frames", "transmit_frames", "Frames handed to the port's peer."),
    ("tx_bytes", "transmit_bytes", "Bytes of frames handed to the port's peer."),
    ("flooded", "flooded_frames", "Received frames that were flooded."),
)
_PORT_GAUGES = (
    ("carrier", "carrier", "Whether a peer is connected to the port."),
    ("backlog", "backlog_frames", "Frames that wait for the port's peer."),
    ("addresses", "addresses", "Addresses learned at the port."),
)
_PORT_STATES = ("discarding", "learning", "forwarding")
_ROLES = ("root", "designated", "alternate", "backup", "disabled")
_PEER_COUNTERS = (
    ("rx_bytes", "receive_bytes", "Bytes of authenticated datagrams received from the peer."),
    ("rx_datagrams", "receive_datagrams", "Authenticated datagrams received from the peer."),
    ("tx_bytes", "transmit_bytes", "Bytes of datagrams sent to the peer."),
    ("tx_datagrams", "transmit_datagrams", "Datagrams sent to the peer."),
    ("handshakes", "handshakes", "Handshakes with the peer that were completed."),
)
_NETEM_COUNTERS = (
    ("packets", "packets", "Packets that met an impairment."),
    ("lost", "lost_packets", "Packets lost by an impairment."),
    ("over_rate", "over_rate_packets", "Packets dropped since the queue of an impairment was full."),
    ("no_room", "no_room_packets", "Packets dropped since the memory of an impairment was full."),
    ("duplicated", "duplicated_packets", "Packets duplicated by an impairment."),
    ("corrupted", "corrupted_packets", "Packets corrupted by an impairment."),
    ("reordered", "reordered_packets", "Packets that an impairment let overtake others."),
)

Row = Mapping[str, Any]


class _Families:
    """Makes families whose first label is the network."""

    def __init__(self, network: str) -> None:
        self._network = network

    def counter(self, name: str, text: str, labels: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> Metric:
        """Return a counter; of each row the last item is the value, the others are the labels'."""
        return self._fill(CounterMetricFamily(f"vether_{name}", text, labels=["network", *labels]), rows)

    def gauge(self, name: str, text: str, labels: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> Metric:
        """Return a gauge, in the same way. Rows whose value is None are left out."""
        return self._fill(GaugeMetricFamily(f"vether_{name}", text, labels=["network", *labels]), rows)

    def _fill(self, family: Any, rows: Iterable[tuple[Any, ...]]) -> Metric:
        for *labels, value in rows:
            if value is not None:
                family.add_metric([self._network, *map(str, labels)], float(value))
        made: Metric = family
        return made


def families(snapshot: Snapshot) -> Iterator[Metric]:
    """Yield every metric."""
    of = _Families(snapshot.network)
    yield of.gauge("info", "The version of vether.", ("version",), [(snapshot.version, 1)])
    yield from _ports(of, snapshot.ports)
    yield of.gauge("fdb_addresses", "Addresses that are known, fixed ones included.", (), [(snapshot.addresses,)])
    text = "How often an address was not learned since there was no room."
    yield of.counter("fdb_refused", text, (), [(snapshot.addresses_refused,)])
    yield of.gauge("groups", "Multicast groups and routers that are known.", (), [(snapshot.groups,)])
    text = "How often a report of a group was not noted since there was no room."
    yield of.counter("groups_refused", text, (), [(snapshot.groups_refused,)])
    yield from _peers(of, snapshot)
    yield from _netem(of, snapshot.netem)
    yield from _neighbours(of, snapshot)
    yield of.counter("monitor_events", "Events that there were.", (), [(snapshot.events,)])
    yield of.gauge("monitor_followers", "Those who follow the events.", (), [(snapshot.followers,)])


def _ports(of: _Families, ports: list[dict[str, Any]]) -> Iterator[Metric]:
    rows = [(port["name"], port["kind"], 1) for port in ports]
    yield of.gauge("port_info", "The ports and their kinds.", ("port", "kind"), rows)
    for key, name, text in _PORT_COUNTERS:
        yield of.counter(f"port_{name}", text, ("port",), _column(ports, "name", key))
    for key, name, text in _PORT_GAUGES:
        yield of.gauge(f"port_{name}", text, ("port",), _column(ports, "name", key))
    text = "The port's state is this one."
    yield of.gauge("port_state", text, ("port", "state"), _states(ports, "name", "state", _PORT_STATES))
    dropped = [(port["name"], reason, count) for port in ports for reason, count in port["drops"].items()]
    yield of.counter("port_dropped_frames", "Frames dropped at the port, by reason.", ("port", "reason"), dropped)


def _peers(of: _Families, snapshot: Snapshot) -> Iterator[Metric]:
    peers = snapshot.peers
    yield of.gauge("peer_up", "Whether frames pass to the peer.", ("peer",), _column(peers, "name", "up"))
    text = "How long a datagram and its answer are under way together."
    yield of.gauge("peer_rtt_seconds", text, ("peer",), _column(peers, "name", "rtt"))
    text = "The longest datagram that reaches the peer."
    yield of.gauge("peer_mtu_bytes", text, ("peer",), _column(peers, "name", "mtu"))
    for key, name, what in (
        ("handshake", "last_handshake", "When the last handshake with the peer was."),
        ("heard", "last_heard", "When the peer was heard last."),
    ):
        times = [(peer["name"], None if peer[key] is None else snapshot.time - peer[key]) for peer in peers]
        yield of.gauge(f"peer_{name}_timestamp_seconds", what, ("peer",), times)
    for key, name, what in _PEER_COUNTERS:
        yield of.counter(f"peer_{name}", what, ("peer",), _column(peers, "name", key))
    dropped = [(peer["name"], reason, count) for peer in peers for reason, count in peer["drops"].items()]
    yield of.counter("peer_dropped", "What was dropped at the peer, by reason.", ("peer", "reason"), dropped)
    text = "What the tunnel dropped before it was known whose it was, by reason."
    yield of.counter("tunnel_dropped", text, ("reason",), list(snapshot.tunnel_drops.items()))


def _netem(of: _Families, rows: list[dict[str, Any]]) -> Iterator[Metric]:
    labels = ("port", "direction")
    for key, name, text in _NETEM_COUNTERS:
        yield of.counter(f"netem_{name}", text, labels, [(row["port"], row["direction"], row[key]) for row in rows])
    waiting = [(row["port"], row["direction"], row["waiting"]) for row in rows]
    yield of.gauge("netem_waiting_packets", "Packets that an impairment delays.", labels, waiting)


def _neighbours(of: _Families, snapshot: Snapshot) -> Iterator[Metric]:
    tree = snapshot.stp
    if tree is not None:
        ports = tree["ports"]
        yield of.gauge("stp_is_root", "Whether this bridge is the root.", (), [(tree["is_root"],)])
        yield of.gauge("stp_root_path_cost", "The cost of the path to the root.", (), [(tree["root_path_cost"],)])
        text = "How often the topology changed."
        yield of.counter("stp_topology_changes", text, (), [(tree["topology_changes"],)])
        text = "The port's role in the spanning tree is this one."
        yield of.gauge("stp_port_role", text, ("port", "role"), _states(ports, "port", "role", _ROLES))
        text = "The port's state in the spanning tree is this one."
        yield of.gauge("stp_port_state", text, ("port", "state"), _states(ports, "port", "state", _PORT_STATES))
    loops = _column(snapshot.loops, "port", "closed")
    yield of.gauge("loop_port_closed", "Whether the loop detector has closed the port.", ("port",), loops)
    yield of.gauge("lldp_neighbours", "Neighbours that LLDP knows.", (), [(len(snapshot.neighbours),)])


def _column(rows: Iterable[Row], label: str, key: str) -> list[tuple[Any, ...]]:
    return [(row[label], row[key]) for row in rows]


def _states(rows: Iterable[Row], label: str, key: str, states: tuple[str, ...]) -> list[tuple[Any, ...]]:
    return [(row[label], state, row[key] == state) for row in rows for state in states]
