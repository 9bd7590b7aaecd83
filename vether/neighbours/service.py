"""The thin part of spanning tree, LLDP and loop detector: ports come and go, frames come and leave, seconds pass."""

import contextlib
import logging
import secrets
import socket
from collections.abc import Callable, Mapping
from typing import Any

import trio

from vether import loop
from vether.lldp import NEAREST_BRIDGE, Agent, Changed, LocalSystem
from vether.lldp import agent as lldp
from vether.loop import PROBE_ADDRESS, LoopDetector
from vether.monitor.feed import Publish, ignore
from vether.neighbours.datapath import Datapath, Given, Ports
from vether.neighbours.news import News
from vether.neighbours.spec import LldpSpec, LoopSpec, PortStpSpec, StpSpec
from vether.rstp import GROUP_ADDRESS, Bridge
from vether.rstp.shell import Shell

log = logging.getLogger(__name__)

#: Seconds between two looks at which ports there are and who is connected.
_LOOK = 0.2


class Neighbours:
    """Spanning tree, LLDP and loop detector of one switch. `address` is its own unless the specification gives one."""

    def __init__(
        self,
        datapath: Datapath,
        network: str,
        address: bytes,
        clock: Callable[[], float] = trio.current_time,
        publish: Publish = ignore,
    ) -> None:
        self._datapath = Given(datapath)
        self._news = News(publish)
        self._network = network
        self._address = address
        self._clock = clock
        self._stp: Shell | None = None
        self._lldp: Agent | None = None
        self._loop: LoopDetector | None = None
        self._options: Mapping[str, PortStpSpec] = {}
        self._mute: frozenset[str] = frozenset()
        self._peers: frozenset[str] = frozenset()
        #: The ports that there are, and whether somebody is connected.
        self._known: dict[str, bool] = {}

    def configure(
        self,
        stp: StpSpec | None,
        lldp: LldpSpec | None,
        ports: Mapping[str, PortStpSpec],
        *,
        loops: LoopSpec | None = None,
        mute: frozenset[str] = frozenset(),
        peers: frozenset[str] = frozenset(),
    ) -> None:
        """Run what is specified from now on.

        `ports` has the options of ports; others have the default's. Those of `mute` are left alone. Reserved groups of
        `peers` are punted in any case.
        """
        self._options, self._mute, self._peers = ports, mute, peers
        had = self._is_on
        wanted, running = (stp, lldp, loops), (self._stp, self._lldp, self._loop)
        if [want is None for want in wanted] != [run is None for run in running]:
            self._forget_ports()
        if stp is None:
            self._stp = None
        elif self._stp is None:
            bridge = Bridge(stp.bridge(self._address), self._clock())
            ports_of_it = Ports(self._datapath, self._news)
            self._stp = Shell(bridge, ports_of_it, self._news.notice, self._clock)
        else:
            self._stp.do(self._stp.bridge.configure(stp.bridge(self._address), self._clock()))
        self._configure_lldp(lldp, stp)
        self._configure_loop(loops)
        for name in self._known:
            # Whoever changed the port's policy knew nothing of this.
            self._show_frames(name)
            if self._stp is not None:
                self._stp.do(self._stp.bridge.set_port(self._port(name), self._clock()))
        if self._is_on or had:
            self.look()
        self._tell_roles()

    def forget(self, name: str) -> None:
        """Take the port of that name for a new one: it was opened anew."""
        if name in self._known:
            self._remove(name)

    def receive_untrusted(self, port: str, frame: bytes) -> None:
        """Take a loop probe or a frame to a reserved group that came in at `port`. Others come to nothing."""
        group = frame[:6]
        if group == PROBE_ADDRESS and self._loop is not None and port in self._loop.ports:
            self._guard(self._loop.receive(port, frame, self._clock()))
        elif group == GROUP_ADDRESS and self._stp is not None:
            self._stp.receive_untrusted(port, frame)
            self._tell_roles()
        elif group == NEAREST_BRIDGE and self._lldp is not None and port in self._lldp.ports:
            self._do(self._lldp.receive(port, frame))

    def look(self) -> None:
        """Follow what ports there are and who is connected."""
        if not self._is_on:
            return
        rows = [row for row in self._datapath.ports() if row["kind"] != "gateway"]
        ports = {row["name"]: bool(row["carrier"]) for row in rows if not self._is_mute(row)}
        for name in [row["name"] for row in rows if row["name"] in self._known and self._datapath.is_another(row)]:
            self._remove(name)
        for name in [name for name in self._known if name not in ports]:
            self._remove(name)
            with contextlib.suppress(KeyError):
                self._datapath.set_state(name, "forwarding")
        for name, carrier in ports.items():
            if name not in self._known:
                self._add(name)
            if carrier != self._known[name]:
                self._set_link(name, up=carrier)

    def _is_mute(self, row: Mapping[str, Any]) -> bool:
        # What is said of a port of the kind vde is said of those of its clients.
        parent = row["name"].rpartition(".")[0] if row["kind"] == "vde" else row["name"]
        return row["name"] in self._mute or parent in self._mute

    def tick(self) -> None:
        """Let the time pass that has passed."""
        if self._stp is not None:
            self._stp.do(self._stp.bridge.tick(self._clock()))
        if self._lldp is not None:
            self._do(self._lldp.tick(self._clock()))
        if self._loop is not None:
            self._guard(self._loop.tick(self._clock()))
        self._tell_roles()

    async def run(self) -> None:
        """Look, and let time pass, for ever."""
        while True:
            await trio.sleep(_LOOK)
            try:
                self.look()
                self.tick()
            except Exception:
                # Whatever neighbours send must not end the service; a defect is to be seen in the log.
                log.exception("spanning tree or LLDP")

    def close(self) -> None:
        """Say goodbye."""
        if self._lldp is not None:
            with contextlib.suppress(RuntimeError):
                self._do(self._lldp.close())

    def show_stp(self) -> dict[str, Any] | None:
        """Return what `show stp` prints; None if there is no spanning tree."""
        return None if self._stp is None else self._stp.bridge.show(self._clock())

    def show_neighbours(self) -> list[dict[str, Any]]:
        """Return the neighbours that LLDP knows."""
        return [] if self._lldp is None else self._lldp.show()

    def show_loops(self) -> list[dict[str, Any]]:
        """Return a row for each port that the loop detector looks after."""
        return [] if self._loop is None else self._loop.show(self._clock())

    def _tell_roles(self) -> None:
        self._news.roles(None if self._stp is None else self._stp.bridge)

    @property
    def _is_on(self) -> bool:
        return any(part is not None for part in (self._stp, self._lldp, self._loop))

    def _configure_loop(self, loops: LoopSpec | None) -> None:
        if loops is None:
            self._loop = None
        elif self._loop is None:
            identity, key = secrets.token_bytes(8), secrets.token_bytes(32)
            self._loop = LoopDetector(loops.config(self._address), identity, key, self._clock())
        else:
            self._loop.config = loops.config(self._address)

    def _configure_lldp(self, lldp: LldpSpec | None, stp: StpSpec | None) -> None:
        if lldp is None:
            if self._lldp is not None:
                self._do(self._lldp.close())
            self._lldp = None
            return
        address = stp.bridge(self._address).address if stp is not None else self._address
        name = lldp.name or f"{socket.gethostname()}/{self._network}"
        local = LocalSystem(address=address, name=name, description="vether", msgTxInterval=lldp.interval)
        if self._lldp is None:
            self._lldp = Agent(local, self._clock())
        else:
            self._do(self._lldp.set_local(local))

    def _forget_ports(self) -> None:
        """Leave the ports as though nothing had been here; what is specified takes them up again."""
        for name in list(self._known):
            self._remove(name)
            with contextlib.suppress(KeyError):
                self._datapath.set_peer(name, peer=name in self._peers)
                self._datapath.set_probes(name, probes=False)
                self._datapath.set_state(name, "forwarding")

    def _port(self, name: str) -> Any:
        # A port that a listener made has its parent's options: its name is the parent's, a dot and a number.
        options = self._options.get(name) or self._options.get(name.rpartition(".")[0]) or PortStpSpec()
        return options.port(name)

    def _add(self, name: str) -> None:
        self._known[name] = False
        self._show_frames(name)
        if self._stp is not None:
            self._stp.do(self._stp.bridge.add_port(self._port(name), self._clock()))
        if self._lldp is not None:
            self._lldp.add_port(name)
        if self._loop is not None:
            self._loop.add_port(name)

    def _show_frames(self, name: str) -> None:
        with contextlib.suppress(KeyError):
            self._datapath.set_peer(name, peer=self._stp is not None or self._lldp is not None or name in self._peers)
            self._datapath.set_probes(name, probes=self._loop is not None)

    def _remove(self, name: str) -> None:
        del self._known[name]
        self._datapath.forget(name)
        if self._stp is not None:
            self._stp.do(self._stp.bridge.remove_port(name, self._clock()))
        if self._lldp is not None:
            self._do(self._lldp.remove_port(name))
        if self._loop is not None:
            self._loop.remove_port(name)

    def _set_link(self, name: str, *, up: bool) -> None:
        self._known[name] = up
        if self._stp is not None:
            self._stp.set_link(name, up=up)
        if self._lldp is not None:
            self._do(self._lldp.port_up(name) if up else self._lldp.port_down(name))
        if self._loop is not None and up:
            self._loop.port_up(name)
        elif self._loop is not None:
            self._guard(self._loop.port_down(name))

    def _guard(self, outputs: list[loop.Output]) -> None:
        for output in outputs:
            with contextlib.suppress(KeyError):
                match output:
                    case loop.Send(port, frame):
                        self._datapath.send(port, frame)
                    case loop.Close(port, reason):
                        self._datapath.set_state(port, "discarding")
                        self._news.loop(port, reason)
                    case loop.Open(port):
                        self._datapath.set_state(port, "forwarding")
                        self._news.loop(port, None)

    def _do(self, outputs: list[lldp.Output]) -> None:
        for output in outputs:
            if isinstance(output, Changed):
                self._news.neighbour(output)
                continue
            with contextlib.suppress(KeyError):
                self._datapath.send(output.port, output.frame)
