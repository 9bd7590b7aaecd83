"""The switch that runs, and how it is made equal to a specification."""

import logging
import os
from collections.abc import Callable
from typing import Any

from vether.config import PortSpec, Spec, to_map
from vether.errors import HostLacksError, VetherError
from vether.folder import MAX_SOCKET_PATH, Folder
from vkd._native import Switch

log = logging.getLogger(__name__)


class Network:
    """A running switch: its ports and what is known of those behind them. Close it in the end."""

    def __init__(self, folder: Folder, spec: Spec) -> None:
        self.folder = folder
        self.spec = Spec(name=spec.name, gateway=False, ageing=spec.ageing)
        self.switch = Switch(ageing=spec.ageing)
        try:
            self.apply(spec)
        except BaseException:
            self.switch.close()
            raise

    def close(self) -> None:
        """End the datapath; all ports and their sockets go."""
        self.switch.close()

    def apply(self, spec: Spec) -> list[str]:
        """Make the switch equal to `spec`; what is the same is not touched. Returns what changed, one line each.

        Raises `VetherError` at the first thing that cannot be had; what was done until then stays and is known.
        """
        for port in spec.ports:
            self._check_path(port)
        changed = self._remove_ports(spec)
        changed += self._add_ports(spec)
        if spec.ageing != self.spec.ageing:
            self.switch.set_ageing(spec.ageing)
            changed.append(f"ageing: {spec.ageing:g} s")
        self.spec = spec
        for line in changed:
            log.info("%s", line)
        return changed

    def _remove_ports(self, spec: Spec) -> list[str]:
        wanted = {port.name for port in spec.ports}
        gone = [port.name for port in self.spec.ports if port.name not in wanted]
        for name in gone:
            self.switch.remove_port(name)
        self._note(tuple(port for port in self.spec.ports if port.name in wanted))
        return [f"port {name}: removed" for name in gone]

    def _add_ports(self, spec: Spec) -> list[str]:
        changed = []
        for port in spec.ports:
            known = {known.name: known for known in self.spec.ports}
            if port.name not in known:
                self._listen(port)
                changed.append(f"port {port.name}: added")
            elif known[port.name] != port:
                changed.append(f"port {port.name}: changed")
            known[port.name] = port
            self._note(tuple(known.values()))
        return changed

    def _note(self, ports: tuple[PortSpec, ...]) -> None:
        """Remember which ports there are, so that a failure half-way leaves the truth."""
        fields = {name: getattr(self.spec, name) for name in Spec.__struct_fields__}
        self.spec = Spec(**{**fields, "ports": ports})

    def _check_path(self, port: PortSpec) -> None:
        path = self.folder.socket(port.name)
        if len(os.fsencode(path)) > MAX_SOCKET_PATH:
            raise HostLacksError(
                f"the path of port {port.name} is too long for a unix socket: {path}",
                hint=f"give a shorter folder with --dir (the whole path may have {MAX_SOCKET_PATH} bytes)",
            )

    def _listen(self, port: PortSpec) -> None:
        path = self.folder.socket(port.name)
        try:
            self.switch.add_guest_port(port.name, path)
        except OSError as error:
            raise VetherError(f"cannot make the socket {path}: {error.strerror}") from error

    def show(self, what: str) -> Any:
        """Return what `vether show WHAT` prints: `ports`, `fdb`, `stats`, `forwards` or `spec`. KeyError if unknown."""
        views: dict[str, Callable[[], Any]] = {
            "ports": self._ports,
            "fdb": self.switch.fdb,
            "stats": self._stats,
            "forwards": self.forwards,
            "spec": lambda: to_map(self.spec),
        }
        return views[what]()

    def forwards(self) -> list[dict[str, Any]]:
        """Return the forwards with the host ports that they really have."""
        return []

    def _ports(self) -> list[dict[str, Any]]:
        specs = {port.name: port for port in self.spec.ports}
        rows = []
        for port in self.switch.ports():
            spec = specs.get(port["name"])
            row = {key: port[key] for key in ("name", "kind", "state", "carrier", "offloads", "backlog")}
            row["mac"] = spec and spec.mac
            row["address"] = spec and spec.address
            row["hostname"] = spec and (spec.hostname or spec.name)
            row["socket"] = str(self.folder.socket(port["name"])) if spec else None
            rows.append(row)
        return rows

    def _stats(self) -> dict[str, Any]:
        keys = ("rx_frames", "rx_bytes", "tx_frames", "tx_bytes", "flooded", "drops")
        ports = {port["name"]: {key: port[key] for key in keys} for port in self.switch.ports()}
        return {"ports": ports, "fdb": {"entries": len(self.switch.fdb()), "refused": self.switch.fdb_refused()}}
