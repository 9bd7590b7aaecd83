"""The switch that runs, and how it is made equal to a specification."""

import errno
import logging
from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Any

import msgspec

from vether.between import Between, vlan_rows
from vether.captures import Captures
from vether.config import ForwardSpec, Spec, to_map
from vether.errors import HostLacksError, VetherError
from vether.folder import Folder
from vether.impairments import Impairments
from vether.metrics.endpoint import Endpoint
from vether.netem import NetemSpec
from vether.peers import Peers
from vether.ports import AnyPort
from vkd._native import Switch

_INSTALL_LIBSLIRP = "install it (Debian: apt install libslirp0), or set gateway = false"
_GATEWAY_FIELDS = ("gateway", "subnet", "gateway_address", "dns_address", "mtu", "host_loopback")

log = logging.getLogger(__name__)

#: What the gateway is started with: a change of one of these starts it anew.
_GATEWAY_KEYS = ("gateway", "network", "router", "resolver", "mtu", "host_loopback")


class Network:
    """A running switch: its ports and what is known of those behind them. Close it in the end."""

    def __init__(self, folder: Folder, spec: Spec, metrics: str | None = None) -> None:
        """Raise `VetherError` if it cannot be; `metrics` is where they are served if `spec` says nothing of them."""
        self.folder = folder
        self.spec = Spec(name=spec.name, gateway=False, ageing=spec.ageing)
        self.switch = Switch(ageing=spec.ageing)
        #: What stands between ports and their peers on demand.
        self.impairments = Impairments(self.switch)
        self.captures = Captures(self.switch)
        self.peers = Peers(self.switch, spec.name, self.impairments.forget)
        self._opened: set[str] = set()
        self.metrics = Endpoint()
        self._metrics = metrics
        #: The forwards that there are, as asked for, and the host ports that they have.
        self._forwards: list[tuple[ForwardSpec, int]] = []
        self._between = Between(self.switch)
        try:
            self._apply(spec)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the datapath; all ports and their sockets go."""
        self.metrics.close()
        self.peers.close()
        self.captures.close()
        self.switch.close()

    def apply(self, spec: Spec) -> list[str]:
        """Make the switch equal to `spec`; what is the same is not touched. Returns what changed, one line each.

        Raises `VetherError` at the first thing that cannot be had. The switch is what it was then; who was connected to
        a port that had to be opened anew has to connect again.
        """
        before = self.spec
        try:
            return self._apply(spec)
        except Exception:
            self._restore(before)
            raise

    def take_opened(self) -> set[str]:
        """Return the names of the ports and peers that came, or were opened anew, since the last call."""
        opened = self._opened | self.peers.opened
        self._opened, self.peers.opened = set(), set()
        return opened

    def _restore(self, spec: Spec) -> None:
        try:
            self._apply(spec)
        except Exception:
            log.exception("what there was before a change that failed could not be had again")

    def _apply(self, spec: Spec) -> list[str]:
        for port in spec.ports:
            port.check_host(self.folder)
        self.peers.check(spec.tunnel, spec.peers)
        before = {port.name for port in self.spec.ports}
        changed = self.metrics.set(spec.metrics or self._metrics)
        self.spec = msgspec.structs.replace(self.spec, metrics=spec.metrics)
        changed += self._remove_ports(spec)
        changed += self._set_gateway(spec)
        changed += self._remove_forwards(spec)
        changed += self._add_ports(spec, before)
        changed += self._add_forwards(spec)
        changed += self._between.apply(spec)
        for name in self._opened & spec.wired_ports:
            self.switch.set_state(name, "forwarding")
        if spec.name != self.spec.name:
            changed.append(f"name: {spec.name}")
        self.peers.network = spec.name
        changed += self.peers.apply(spec.tunnel, spec.peers, hold=spec.stp is not None)
        if spec.ageing != self.spec.ageing:
            self.switch.set_ageing(spec.ageing)
            changed.append(f"ageing: {spec.ageing:g} s")
        self.spec = spec
        for line in changed:
            log.info("%s", line)
        return changed

    def _remove_ports(self, spec: Spec) -> list[str]:
        """Remove what is not wanted any more, and what has to be opened anew: one may wait for what another has."""
        wanted = {port.name: port for port in spec.ports}
        kept, changed = [], []
        for port in self.spec.ports:
            if (new := wanted.get(port.name)) is not None and new.is_same_link(port):
                kept.append(port)
                continue
            self.switch.remove_port(port.name)
            self.impairments.forget(port.name)
            if new is None:
                self.captures.set(port.name, None)
                changed.append(f"port {port.name}: removed")
        self._note(tuple(kept))
        return changed

    def _add_ports(self, spec: Spec, before: set[str]) -> list[str]:
        """Add what is missing and set what differs; `before` are the names of the ports that there were."""
        changed = []
        known = {port.name: port for port in self.spec.ports}
        for port in spec.ports:
            was = known.get(port.name)
            # First of all: what the port's first peer says is in the capture.
            recorded = self.captures.set(port.name, port.capture)
            if was == port and not recorded:
                continue
            if was is None:
                self._open_recorded(port, self._first_settings(port, spec))
            elif was.settings() != port.settings():
                self.switch.set_port(port.name, **port.settings())
            known[port.name] = port
            self._note(tuple(known.values()))
            self._impair(port, was)
            changed.append(f"port {port.name}: {'changed' if port.name in before else 'added'}")
        return changed

    @staticmethod
    def _first_settings(port: AnyPort, spec: Spec) -> dict[str, Any]:
        """Return what a new port is made with: it meets nobody before a spanning tree or a wire says whom."""
        is_followed = spec.stp is not None and port.name not in spec.mute_ports
        is_held = is_followed or port.name in spec.wired_ports
        return {**port.settings(), "state": "discarding"} if is_held else port.settings()

    def _impair(self, port: AnyPort, known: AnyPort | None) -> None:
        """Impair a port as its specification says, where that has changed: what `vether netem` did stays otherwise."""
        wanted, had = port.netem or NetemSpec(), (known and known.netem) or NetemSpec()
        if wanted.incoming != had.incoming:
            self.impairments.replace_untrusted(port.name, "in", wanted.incoming)
        if wanted.outgoing != had.outgoing:
            self.impairments.replace_untrusted(port.name, "out", wanted.outgoing)

    def _set_gateway(self, spec: Spec) -> list[str]:
        if [getattr(spec, key) for key in _GATEWAY_KEYS] == [getattr(self.spec, key) for key in _GATEWAY_KEYS]:
            return []
        was, self._forwards = self.spec.gateway, []
        fields = {name: getattr(self.spec, name) for name in Spec.__struct_fields__}
        self.spec = Spec(**{**fields, "gateway": False})
        self.switch.stop_gateway()
        if not spec.gateway:
            return ["gateway: removed"] if was else []
        try:
            self.switch.start_gateway(
                subnet=(spec.network.network_address, spec.network.prefixlen),
                address=spec.router,
                dns=spec.resolver,
                mtu=spec.mtu,
                host_loopback=spec.host_loopback,
            )
        except ImportError as error:
            raise HostLacksError(str(error), hint=_INSTALL_LIBSLIRP) from error
        except OSError as error:
            raise VetherError(f"cannot start the gateway: {error}") from error
        gateway = {key: getattr(spec, key) for key in _GATEWAY_FIELDS}
        self.spec = Spec(**{**fields, **gateway})
        return ["gateway: changed" if was else "gateway: added"]

    def _remove_forwards(self, spec: Spec) -> list[str]:
        wanted = list(spec.forwards)
        kept, changed = [], []
        for forward, port in self._forwards:
            match = next((other for other in wanted if _is_same(forward, port, other)), None)
            if match is not None:
                wanted.remove(match)
                kept.append((match, port))
                continue
            self.switch.remove_forward(forward.proto, (IPv4Address(forward.host), port))
            changed.append(f"forward {_describe(forward, port)}: removed")
        self._forwards = kept
        return changed

    def _add_forwards(self, spec: Spec) -> list[str]:
        missing = list(spec.forwards)
        for forward, _ in self._forwards:
            missing.remove(forward)
        changed = []
        # Fixed ports first, so that a free one that is picked is none of them.
        for forward in sorted(missing, key=lambda forward: forward.host_port == 0):
            port = self._forward(forward)
            self._forwards.append((forward, port))
            changed.append(f"forward {_describe(forward, port)}: added")
        return changed

    def _forward(self, forward: ForwardSpec) -> int:
        host = (IPv4Address(forward.host), forward.host_port)
        guest = (IPv4Address(forward.guest), forward.guest_port)
        try:
            return self.switch.add_forward(forward.proto, host, guest)
        except OSError as error:
            what = f"cannot forward {_describe(forward, forward.host_port)}: {error.strerror or error}"
            if error.errno in {errno.EACCES, errno.EPERM}:
                raise HostLacksError(what, hint="ports below 1024 need root; take a higher one") from error
            hint = "another program has the port; take another, or 0 for a free one"
            raise VetherError(what, hint=hint if error.errno == errno.EADDRINUSE else None) from error

    def _note(self, ports: tuple[AnyPort, ...]) -> None:
        """Remember which ports there are, so that a failure half-way leaves the truth."""
        fields = {name: getattr(self.spec, name) for name in Spec.__struct_fields__}
        self.spec = Spec(**{**fields, "ports": ports})

    def _open_recorded(self, port: AnyPort, settings: dict[str, Any]) -> None:
        try:
            self._open(port, settings)
        except VetherError:
            self.captures.set(port.name, None)
            raise

    def _open(self, port: AnyPort, settings: dict[str, Any]) -> None:
        try:
            link = port.open(self.folder)
        except OSError as error:
            what = (
                f"cannot open port {port.name} ({port.tag()}, {port.endpoint(self.folder)}): {error.strerror or error}"
            )
            raise VetherError(what) from error
        try:
            self.switch.add_port(port.name, link, **settings)
            self._opened.add(port.name)
        except ValueError as error:
            hint = "a port of the kind vde calls its clients' ports NAME.1, NAME.2, ...; take another name"
            raise VetherError(f"cannot open port {port.name}: {error}", hint=hint) from error

    def show(self, what: str) -> Any:
        """Return what `vether show WHAT` prints, for WHAT one of `vether.daemon.VIEWS`. KeyError if unknown."""
        views: dict[str, Callable[[], Any]] = {
            "ports": self._ports,
            "fdb": self.switch.fdb,
            "stats": self._stats,
            "forwards": self.forwards,
            "vlans": lambda: vlan_rows(self.spec),
            "groups": self.switch.groups,
            "peers": self.peers.show,
            "netem": self.impairments.rows,
            "captures": self.captures.rows,
            "spec": lambda: to_map(self.spec),
        }
        return views[what]()

    def forwards(self) -> list[dict[str, Any]]:
        """Return the forwards with the host ports that they really have."""
        order = {id(forward): i for i, forward in enumerate(self.spec.forwards)}
        rows = sorted(self._forwards, key=lambda row: order.get(id(row[0]), len(order)))
        return [{**msgspec.to_builtins(forward), "host_port": port} for forward, port in rows]

    def _ports(self) -> list[dict[str, Any]]:
        specs = {port.name: port for port in self.spec.ports}
        rows = []
        for port in self.switch.ports():
            spec = specs.get(port["name"])
            row = {key: port[key] for key in ("name", "kind", "peer", "state", "carrier", "offloads", "backlog")}
            row["mac"] = spec and spec.mac
            row["address"] = spec and spec.address
            row["hostname"] = spec and (spec.hostname or spec.name)
            row["socket"] = spec and spec.endpoint(self.folder)
            rows.append(row)
        return rows

    def _stats(self) -> dict[str, Any]:
        keys = ("rx_frames", "rx_bytes", "tx_frames", "tx_bytes", "flooded", "drops")
        ports = {port["name"]: {key: port[key] for key in keys} for port in self.switch.ports()}
        return {
            "ports": ports,
            "tunnel": {"drops": self.peers.drops()},
            "fdb": {"entries": len(self.switch.fdb()), "refused": self.switch.fdb_refused()},
            "groups": {"refused": self.switch.groups_refused()},
        }


def _is_same(forward: ForwardSpec, port: int, wanted: ForwardSpec) -> bool:
    """Whether the running `forward` is what is `wanted`: a picked port may be asked for by its number afterwards."""
    fields = ("proto", "host", "guest", "guest_port")
    same = all(getattr(forward, name) == getattr(wanted, name) for name in fields)
    return same and wanted.host_port in {0, port}


def _describe(forward: ForwardSpec, port: int) -> str:
    return f"{forward.proto} {forward.host}:{port} -> {forward.guest}:{forward.guest_port}"
