"""The LLDP agent of a switch: frames and the time go in, frames and changes of neighbours come out."""

from dataclasses import dataclass
from typing import Any

from vether.lldp.lldpdu import (
    ETHERTYPE,
    NEAREST_BRIDGE,
    Lldpdu,
    describe_capabilities,
    describe_chassis,
    describe_port,
)
from vether.lldp.local import LocalSystem
from vether.lldp.machines import RECEIVE, TRANSMIT, TRANSMIT_TIMER
from vether.lldp.port import Port
from vether.statemachine import settle

_MACHINES = (RECEIVE, TRANSMIT_TIMER, TRANSMIT)


@dataclass(frozen=True, slots=True)
class Send:
    """Send the Ethernet frame out of `port`."""

    port: str
    frame: bytes


@dataclass(frozen=True, slots=True)
class Changed:
    """A neighbour at `port` was `added`, `changed` or `removed`."""

    port: str
    what: str
    pdu: Lldpdu


Output = Send | Changed


class Agent:
    """LLDP on the ports of one switch. Each method that takes an event returns what is to be done."""

    def __init__(self, local: LocalSystem, now: float = 0.0) -> None:
        self.local = local
        self.ports: dict[str, Port] = {}
        #: When :meth:`tick` is due next.
        self.next_tick = now + 1.0
        self._out: list[Output] = []

    def add_port(self, name: str) -> None:
        """Add a port, without a link. KeyError if there is one of that name."""
        if name in self.ports:
            raise KeyError(name)
        port = Port(
            name,
            self.local,
            send=lambda pdu: self._out.append(Send(name, self._frame(pdu))),
            notify=lambda what, pdu: self._out.append(Changed(name, what, pdu)),
        )
        self.ports[name] = port
        for machine in _MACHINES:
            machine.start(port, port.current)

    def remove_port(self, name: str) -> list[Output]:
        """Say goodbye at a port and forget it. KeyError if there is none."""
        port = self.ports.pop(name)
        self._goodbye(port)
        return self._take()

    def set_local(self, local: LocalSystem) -> list[Output]:
        """Say something else from now on."""
        if local == self.local:
            return []
        self.local = local
        for port in self.ports.values():
            port.local = local
            port.localChange = True
        return self._settle()

    def port_up(self, name: str) -> list[Output]:
        """Tell that there is a link. KeyError if there is no such port."""
        self.ports[name].portEnabled = True
        return self._settle()

    def port_down(self, name: str) -> list[Output]:
        """Tell that the link is gone. Neighbours stay known until they age."""
        self.ports[name].portEnabled = False
        return self._settle()

    def receive(self, name: str, frame: bytes) -> list[Output]:
        """Take an Ethernet frame to the nearest bridge address. What is no LLDPDU is counted and ignored."""
        port = self.ports[name]
        if not port.portEnabled or frame[12:14] != ETHERTYPE:
            port.count("lldp-frame")
            return []
        if frame[6:12] == self.local.address:
            port.count("lldp-own")
            return []
        port.frame = frame[14:]
        port.rcvFrame = True
        return self._settle()

    def tick(self, now: float) -> list[Output]:
        """Do what is due at `now`, if :attr:`next_tick` has come; however late it comes, one second has passed."""
        if now < self.next_tick:
            return []
        self.next_tick = now + 1.0 if self.next_tick + 1.0 <= now else self.next_tick + 1.0
        for port in self.ports.values():
            port.tick()
        return self._settle()

    def close(self) -> list[Output]:
        """Say goodbye at all ports."""
        for port in self.ports.values():
            self._goodbye(port)
        return self._take()

    def show(self) -> list[dict[str, Any]]:
        """Return the neighbours, one map each, of plain values."""
        rows = []
        for port in self.ports.values():
            for known in port.neighbours.values():
                pdu = known.pdu
                rows.append(
                    {
                        "port": port.name,
                        "system": pdu.system_name,
                        "chassis": describe_chassis(pdu.chassis),
                        "neighbour_port": describe_port(pdu.port),
                        "port_description": pdu.port_description,
                        "description": pdu.system_description,
                        "capabilities": describe_capabilities(pdu.capabilities[1]) if pdu.capabilities else [],
                        "management": list(pdu.management),
                        "ttl": known.ttl,
                    }
                )
        return rows

    def _frame(self, pdu: Lldpdu) -> bytes:
        return (NEAREST_BRIDGE + self.local.address + ETHERTYPE + pdu.encode()).ljust(60, b"\0")

    def _goodbye(self, port: Port) -> None:
        if port.portEnabled:
            port.send(self.local.lldpdu(port.name, 0))

    def _settle(self) -> list[Output]:
        settle(_MACHINES, [(port, port.current) for port in self.ports.values()])
        return self._take()

    def _take(self) -> list[Output]:
        out, self._out = self._out, []
        return out
