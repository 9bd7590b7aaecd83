"""What a specification says of ports together, and how the switch is made so: wires, mirrors, addresses, groups."""

from typing import Any

from vether.config import Spec
from vether.errors import VetherError
from vether.peerspec import GROUP
from vkd._native import Policy, Switch


class Between:
    """What the switch was told. It is told again whenever a specification is applied: ports may be new ones by then."""

    def __init__(self, switch: Switch) -> None:
        self._switch = switch
        self._wires: list[tuple[str, str]] = []
        self._mirrors: list[tuple[str, str, bool, bool]] = []
        self._fixed: dict[tuple[str, int], str] = {}
        self._snooping = "off"
        #: The gateway's VLAN and split-horizon group.
        self._gateway: tuple[int | None, int] = (None, 0)

    def apply(self, spec: Spec) -> list[str]:
        """Make the switch, which has the ports of `spec` already, equal to it. Returns what changed, one line each."""
        return [
            *self._set_wires(spec),
            *self._set_mirrors(spec),
            *self._fix(spec),
            *self._snoop(spec),
            *self._set_gateway(spec),
        ]

    def _set_wires(self, spec: Spec) -> list[str]:
        pairs = {tuple(sorted((port.name, port.wire))) for port in spec.ports if port.wire is not None}
        was, self._wires = self._wires, [(a, b) for a, b in sorted(pairs)]
        if was or self._wires:
            self._switch.set_wires(self._wires)
        gone = [f"wire {a} - {b}: removed" for a, b in was if (a, b) not in self._wires]
        return gone + [f"wire {a} - {b}: added" for a, b in self._wires if (a, b) not in was]

    def _set_mirrors(self, spec: Spec) -> list[str]:
        was, self._mirrors = self._mirrors, []
        for port in spec.ports:
            if port.mirror is not None:
                self._mirrors.append((port.name, port.mirror.to, port.mirror.ingress, port.mirror.egress))
        if was or self._mirrors:
            self._switch.set_mirrors(self._mirrors)
        gone = [f"mirror of {of} at {to}: removed" for of, to, *_ in was if (of, to) not in _ends(self._mirrors)]
        new = [row for row in self._mirrors if row not in was]
        return gone + [
            f"mirror of {of} at {to}: {'changed' if (of, to) in _ends(was) else 'added'}" for of, to, *_ in new
        ]

    def _fix(self, spec: Spec) -> list[str]:
        was = self._fixed
        self._fixed = {address: port.name for port in spec.ports for address in port.addresses()}
        changed = []
        for mac, vlan in was:
            if (mac, vlan) not in self._fixed:
                self._switch.remove_address(mac, vlan=vlan)
                changed.append(f"address {_address(mac, vlan)}: not fixed any more")
        for (mac, vlan), name in self._fixed.items():
            try:
                self._switch.add_static(mac, name, vlan=vlan)
            except ValueError as error:
                raise VetherError(f"cannot fix {_address(mac, vlan)} to port {name}: {error}") from error
            if was.get((mac, vlan)) != name:
                changed.append(f"address {_address(mac, vlan)}: fixed to {name}")
        return changed

    def _snoop(self, spec: Spec) -> list[str]:
        if spec.snooping == self._snooping:
            return []
        self._snooping = spec.snooping
        self._switch.set_snooping({"off": None, "flood": True, "prune": False}[spec.snooping])
        return [f"snooping: {spec.snooping}"]

    def _set_gateway(self, spec: Spec) -> list[str]:
        (was_vlan, was_group), own = self._gateway, spec.tunnel is not None and not spec.tunnel.gateway
        vlan, group = self._gateway = (spec.gateway_vlan, GROUP * own) if spec.gateway else (None, 0)
        if spec.gateway and (was_vlan or vlan or was_group or group):
            self._switch.set_port("gateway", split_horizon=group, policy=Policy(access=vlan))
        changed = [] if was_vlan == vlan else [f"gateway: VLAN {vlan or 'none'}"]
        return changed + ([] if was_group == group else [f"gateway: {'hidden from' if own else 'open to'} peers"])


def _ends(mirrors: list[tuple[str, str, bool, bool]]) -> set[tuple[str, str]]:
    return {(of, to) for of, to, *_ in mirrors}


def _address(mac: str, vlan: int) -> str:
    return f"{mac} in VLAN {vlan}" if vlan else mac


def vlan_rows(spec: Spec) -> list[dict[str, Any]]:
    """Return each VLAN that a port names, with the ports that carry it; transparent ones carry all."""
    rows: dict[int, dict[str, list[str]]] = {}
    for port in spec.ports:
        if port.vlan is None:
            continue
        untagged = port.vlan.untagged()
        for vid in {*port.vlan.vids(), *([untagged] if untagged else [])}:
            row = rows.setdefault(vid, {"untagged": [], "tagged": []})
            row["untagged" if vid == untagged else "tagged"].append(port.name)
    if spec.gateway and spec.gateway_vlan is not None:
        rows.setdefault(spec.gateway_vlan, {"untagged": [], "tagged": []})["untagged"].append("gateway")
    names = {vid: {key: ", ".join(ports) for key, ports in row.items()} for vid, row in rows.items()}
    transparent = ", ".join(port.name for port in spec.ports if port.vlan is None)
    return [{"vlan": vid, **names[vid], "transparent": transparent} for vid in sorted(names)]
