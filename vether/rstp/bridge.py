"""A bridge that speaks RSTP: events and the time go in, what is to be done comes out (IEEE 802.1D-2004, clause 17)."""

from typing import Any

from vether.rstp.bpdu import BpduError, BpduType, decode_untrusted
from vether.rstp.machines import (
    BRIDGE_DETECTION,
    PORT_INFORMATION,
    PORT_PROTOCOL_MIGRATION,
    PORT_RECEIVE,
    PORT_ROLE_SELECTION,
    PORT_ROLE_TRANSITIONS,
    PORT_STATE_TRANSITION,
    PORT_TIMERS,
    PORT_TRANSMIT,
    TOPOLOGY_CHANGE,
)
from vether.rstp.outputs import Flush, Notice, Output
from vether.rstp.parameters import BridgeConfig, ParameterError, PortConfig, Vector, describe_bridge
from vether.rstp.variables import Port
from vether.statemachine import settle

#: Those of a port that follow an event, before anything is sent.
_MACHINES = (
    PORT_RECEIVE,
    BRIDGE_DETECTION,
    PORT_INFORMATION,
    PORT_ROLE_TRANSITIONS,
    PORT_STATE_TRANSITION,
    TOPOLOGY_CHANGE,
    PORT_PROTOCOL_MIGRATION,
)
_ALL = (PORT_TIMERS, *_MACHINES, PORT_TRANSMIT)


class Bridge:
    """The bridge. Each method that takes an event returns what is to be done, in that order.

    `now` is seconds of any clock that does not go backwards. Ports begin without a link.
    """

    def __init__(self, config: BridgeConfig, now: float = 0.0) -> None:
        self.config = config
        self.ports: list[Port] = []
        self.out: list[Output] = []
        #: When :meth:`tick` is due next.
        self.next_tick = now + 1.0
        # 17.18.
        own = config.BridgeIdentifier
        self.rootPriority = Vector(own, 0, own, 0)
        self.rootTimes = config.BridgeTimes
        self.rootPortId = 0
        #: How often, and when last, the topology changed (14.8.1.1).
        self.topology_changes = 0
        self.topology_changed: float | None = None
        self._is_changing = False
        self._current: dict[str, str] = {}
        PORT_ROLE_SELECTION.start(self, self._current)
        self._settle(now)

    def add_port(self, config: PortConfig, now: float) -> list[Output]:
        """Add a port. ParameterError if its name or number is in use."""
        numbers = {port.number for port in self.ports}
        if any(port.config.name == config.name for port in self.ports):
            raise ParameterError(f"there is a port {config.name} already")
        number = config.number if config.number is not None else min(set(range(1, 4096)) - numbers, default=0)
        if not number or number in numbers:
            raise ParameterError(f"port number {number} is in use" if number else "there are 4095 ports already")
        port = Port(self, config, number)
        port.designatedTimes = self.rootTimes._replace(HelloTime=self.config.hello_time)
        self.ports.append(port)
        self.ports.sort(key=lambda port: port.number)
        for machine in _ALL:
            machine.start(port, port.current)
        return self._settle(now)

    def remove_port(self, name: str, now: float) -> list[Output]:
        """Remove a port. KeyError if there is none."""
        port = self.port(name)
        self._disable(port)
        out = self._settle(now)
        self.ports.remove(port)
        return [output for output in out + self._settle(now) if output.port != name]

    def set_port(self, config: PortConfig, now: float) -> list[Output]:
        """Give the port of that name another configuration; its number stays. KeyError if there is none."""
        port = self.port(config.name)
        if config == port.config:
            return []
        port.config = config
        if port.guarded_until is not None and not config.bpdu_guard:
            port.guarded_until = None
        port.portEnabled = port.link and port.guarded_until is None
        return self._reselect(now)

    def configure(self, config: BridgeConfig, now: float) -> list[Output]:
        """Change the bridge's own parameters (17.13)."""
        if config == self.config:
            return []
        version_changes = config.force_version != self.config.force_version
        self.config = config
        for port in self.ports:
            port.txCount = 0
            if version_changes:
                for machine in _ALL:
                    machine.start(port, port.current)
        return self._reselect(now)

    def port_up(self, name: str, now: float) -> list[Output]:
        """Tell that there is a link at the port. KeyError if there is no such port."""
        port = self.port(name)
        port.link = True
        port.portEnabled = port.guarded_until is None
        return self._settle(now)

    def port_down(self, name: str, now: float) -> list[Output]:
        """Tell that the link is gone; BPDU guard forgets what it held against the port."""
        port = self.port(name)
        port.guarded_until = None
        self._disable(port)
        return self._settle(now)

    def receive(self, name: str, data: bytes, now: float) -> list[Output]:
        """Take the octets of a BPDU (without LLC) that came in at the port. Invalid ones are counted and ignored."""
        port = self.port(name)
        if not port.portEnabled:
            port.count("bpdu-disabled")
            return []
        try:
            message = decode_untrusted(data)
        except BpduError as error:
            port.count(str(error))
            return []
        own = message.bridge_id == self.config.BridgeIdentifier and message.port_id == port.portId
        if own and message.type is not BpduType.TCN:
            port.count("bpdu-own")  # 9.3.4: it went in a circle
            return []
        port.count(f"rx-{message.type.name.lower()}")
        if port.config.bpdu_guard:
            return self._guard(port, now)
        port.message = message
        port.rcvdBPDU = True
        return self._settle(now)

    def tick(self, now: float) -> list[Output]:
        """Do what is due at `now`, if :attr:`next_tick` has come.

        However late it comes it counts one second: while this process stood still the neighbours were not heard, but
        not silent either.
        """
        if now < self.next_tick:
            return []
        self.next_tick += 1.0
        if self.next_tick <= now:
            self.next_tick = now + 1.0
        for port in self.ports:
            port.tick = True
            if port.guarded_until is not None and now >= port.guarded_until:
                port.guarded_until = None
                port.portEnabled = port.link
                self.out.append(Notice(port.config.name, "bpdu-guard-over", "is tried again"))
        settle((PORT_TIMERS,), self._contexts())
        return self._settle(now)

    def check(self, name: str, now: float) -> list[Output]:
        """Find out anew whether the neighbour speaks RSTP (mcheck, 17.19.13)."""
        self.port(name).mcheck = True
        return self._settle(now)

    def port(self, name: str) -> Port:
        """Return the port. KeyError if there is none."""
        for port in self.ports:
            if port.config.name == name:
                return port
        raise KeyError(name)

    def show(self, now: float) -> dict[str, Any]:
        """Return what `show stp` prints: plain values."""
        own, root = self.config.BridgeIdentifier, self.rootPriority
        root_port = next((port.config.name for port in self.ports if port.portId == self.rootPortId), None)
        times = self.rootTimes
        return {
            "bridge": describe_bridge(own),
            "root": describe_bridge(root.RootBridgeID),
            "is_root": root.RootBridgeID == own,
            "root_port": root_port,
            "root_path_cost": root.RootPathCost,
            "max_age": times.MaxAge,
            "hello_time": times.HelloTime,
            "forward_delay": times.ForwardDelay,
            "topology_changes": self.topology_changes,
            "topology_changed_ago": None if self.topology_changed is None else now - self.topology_changed,
            "ports": [_row(port) for port in self.ports],
        }

    def _guard(self, port: Port, now: float) -> list[Output]:
        port.guarded_until = now + self.config.guard_time
        self._disable(port, link=port.link)
        text = f"a BPDU came in: down for {self.config.guard_time:g} s"
        self.out.append(Notice(port.config.name, "bpdu-guard", text))
        return self._settle(now)

    @staticmethod
    def _disable(port: Port, *, link: bool = False) -> None:
        port.link = link
        port.portEnabled = False

    def _reselect(self, now: float) -> list[Output]:
        for port in self.ports:
            port.reselect = True
            port.selected = False
        return self._settle(now)

    def _contexts(self) -> list[tuple[Port, dict[str, str]]]:
        return [(port, port.current) for port in self.ports]

    def _settle(self, now: float) -> list[Output]:
        """Run the machines until they rest, then send; returns and forgets what came out."""
        root = self.rootPriority.RootBridgeID
        contexts = self._contexts()
        again = True
        while again:
            again = settle((PORT_ROLE_SELECTION,), ((self, self._current),))
            again |= settle(_MACHINES, contexts)
            for port in self.ports:
                if port.fdbFlush:
                    self.out.append(Flush(port.config.name))
                    port.fdbFlush = False
                    again = True
        settle((PORT_TRANSMIT,), contexts)
        self._note_changes(root, now)
        out, self.out = self.out, []
        return out

    def _note_changes(self, root: int, now: float) -> None:
        if self.rootPriority.RootBridgeID != root:
            name = describe_bridge(self.rootPriority.RootBridgeID)
            self.out.append(Notice("", "root", f"the root is {name}"))
        is_changing = any(port.tcWhile for port in self.ports)
        if is_changing and not self._is_changing:
            self.topology_changes += 1
            self.topology_changed = now
            self.out.append(Notice("", "topology-change", "the topology changed"))
        self._is_changing = is_changing


def _row(port: Port) -> dict[str, Any]:
    state = "forwarding" if port.forwarding else "learning" if port.learning else "discarding"
    guard = None
    if port.guarded_until is not None:
        guard = "bpdu"
    elif port.config.root_guard and port.role.value == "alternate":
        guard = "root"
    return {
        "port": port.config.name,
        "id": f"{port.portId:04x}",
        "role": port.role.value,
        "state": state,
        "cost": port.PortPathCost,
        "version": "rstp" if port.sendRSTP else "stp",
        "edge": port.operEdge,
        "guard": guard,
        "designated_bridge": describe_bridge(port.portPriority.DesignatedBridgeID),
        "designated_port": f"{port.portPriority.DesignatedPortID:04x}",
        "counters": dict(sorted(port.counters.items())),
    }
