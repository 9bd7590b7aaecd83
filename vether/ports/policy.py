"""What may pass a port: keys that all kinds of ports have, as a file says them and as the datapath takes them."""

import re
from typing import Annotated, Literal

import msgspec

from vether.errors import SpecError
from vkd._native import Policy

#: IEEE 802.1Q: 0 is no VLAN and 4095 reserved.
MAX_VID = 4094
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}\Z", re.IGNORECASE)
_RANGE = re.compile(r"(\d{1,4})-(\d{1,4})\Z", re.ASCII)

#: A burst of a rate is what passes in `_BURST_SECONDS`; of slow rates, what passes in a second, up to `_WINDOW`: so
#: many bytes TCP has under way, and where less fits it loses whole windows and waits for timers. Never less than a few
#: segments of 64 KiB.
_BURST_SECONDS, _WINDOW, _LEAST_BURST = 0.1, 2 << 20, 256 << 10

#: Frames or bits in a second.
Amount = Annotated[int, msgspec.Meta(ge=0, le=10**12)]
Vid = Annotated[int, msgspec.Meta(ge=1, le=MAX_VID)]


class VlanSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A port of one VLAN (`access`), or one of several (`allowed` with tags, `native` without)."""

    access: Vid | None = None
    native: Vid | None = None
    #: Numbers and ranges like "10-20".
    allowed: tuple[Vid | str, ...] = ()

    def vids(self) -> list[int]:
        """Return the allowed VLANs, in order. ValueError that says what is wrong."""
        found: set[int] = set()
        for item in self.allowed:
            if isinstance(item, int):
                found.add(item)
                continue
            match = _RANGE.match(item)
            first, last = (int(match[1]), int(match[2])) if match else (0, 0)
            if not 1 <= first <= last <= MAX_VID:
                raise ValueError(f"{item!r} is not a range of VLANs like '10-20' (1 to {MAX_VID})")
            found.update(range(first, last + 1))
        return sorted(found)

    def untagged(self) -> int | None:
        """Return the VLAN of untagged frames, None if there is none."""
        return self.access or self.native

    def check(self, where: str) -> None:
        """Raise `SpecError` for what cannot be."""
        if self.access is not None and (self.native is not None or self.allowed):
            raise SpecError(f"{where}: access and native or allowed exclude each other")
        if self.access is None and self.native is None and not self.allowed:
            raise SpecError(f"{where}: no VLAN", hint="access = 10, or allowed = [10, '20-30'] and maybe native = 1")
        try:
            self.vids()
        except ValueError as error:
            raise SpecError(f"{where}.allowed: {error}") from error


class StormSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Frames a second that a port may send to all, to groups, and to addresses that are not known."""

    broadcast: Amount | None = None
    multicast: Amount | None = None
    unknown: Amount | None = None


class RateSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bits a second that a port may send (`ingress`) and gets (`egress`), and bytes at once after a pause."""

    ingress: Amount | None = None
    egress: Amount | None = None
    burst: Annotated[int, msgspec.Meta(ge=1, le=1 << 32)] | None = None

    def limit(self, bits: int) -> tuple[int, int]:
        """Return bytes a second and bytes at once for `bits` a second."""
        burst = max(int(bits / 8 * _BURST_SECONDS), min(bits // 8, _WINDOW), _LEAST_BURST)
        return bits // 8, self.burst or burst


class MirrorSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The port that sees what comes in (`ingress`) at another one, and what leaves (`egress`)."""

    to: str
    ingress: bool = True
    egress: bool = True


class StaticSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An address that is behind the port whatever is seen; `vlan` is that of untagged frames if not given."""

    mac: str
    vlan: Annotated[int, msgspec.Meta(ge=0, le=MAX_VID)] | None = None


class PolicySpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may pass a port. The default lets everything pass as it is."""

    #: Transparent if not given.
    vlan: VlanSpec | None = None
    #: What becomes of frames to 01-80-C2-00-00-00 to -0F.
    reserved: Literal["forward", "peer", "drop"] = "forward"
    isolated: bool = False
    mac_limit: Annotated[int, msgspec.Meta(ge=1, le=1 << 20)] | None = None
    storm: StormSpec | None = None
    rate: RateSpec | None = None
    #: The port that this one is wired to.
    wire: str | None = None
    mirror: MirrorSpec | None = None
    static: tuple[StaticSpec, ...] = ()
    #: Whether a multicast router is behind it.
    router: Literal["auto", "always", "never"] = "auto"
    #: Who leaves a multicast group is the only one behind the port.
    fast_leave: bool = False

    def policy(self) -> Policy:
        """Return it as the datapath takes it. The specification has been checked."""
        vlan = self.vlan
        trunk = (vlan.native, vlan.vids()) if vlan is not None and vlan.access is None else None
        return Policy(
            access=vlan.access if vlan is not None else None,
            trunk=trunk,
            reserved=self.reserved,
            isolated=self.isolated,
            mac_limit=self.mac_limit,
            limits=self._limits(),
            router=self.router,
            fast_leave=self.fast_leave,
        )

    def _limits(self) -> dict[str, tuple[int, int]]:
        limits = {}
        for name in StormSpec.__struct_fields__ if self.storm is not None else ():
            if (frames := getattr(self.storm, name)) is not None:
                limits[name] = (frames, frames)
        for name in ("ingress", "egress"):
            if self.rate is not None and (bits := getattr(self.rate, name)) is not None:
                limits[name] = self.rate.limit(bits)
        return limits

    def addresses(self) -> list[tuple[str, int]]:
        """Return the fixed addresses with the VLAN of each, 0 without one."""
        untagged = (self.vlan.untagged() if self.vlan is not None else None) or 0
        return [(fixed.mac.lower(), untagged if fixed.vlan is None else fixed.vlan) for fixed in self.static]

    def check_policy(self, where: str) -> None:
        """Raise `SpecError` for what cannot be; `where` names the port."""
        if self.vlan is not None:
            self.vlan.check(f"{where}.vlan")
        for i, (mac, vid) in enumerate(self.addresses()):
            if not _MAC.match(mac) or int(mac[:2], 16) & 1:
                raise SpecError(f"{where}.static[{i}].mac: {mac!r} is not a unicast address like 52:54:00:12:34:56")
            if not self._carries(vid):
                what = f"VLAN {vid}" if vid else "frames without a VLAN"
                raise SpecError(f"{where}.static[{i}].vlan: the port does not carry {what}")

    def _carries(self, vid: int) -> bool:
        if self.vlan is None:
            return True
        return vid != 0 and (vid == self.vlan.untagged() or vid in self.vlan.vids())


def check_pairs(ports: dict[str, PolicySpec]) -> None:
    """Raise `SpecError` for wires and mirrors of `ports`, by name, that cannot be together."""
    wired: dict[str, str] = {}
    for name, port in ports.items():
        if port.wire is None:
            continue
        _check_other(f"port {name}: wire", name, port.wire, ports)
        for end, other in ((name, port.wire), (port.wire, name)):
            if wired.setdefault(end, other) != other:
                raise SpecError(f"port {name}: wire: {end} is wired to {wired[end]} already")
    for name, port in ports.items():
        if port.mirror is None:
            continue
        to = port.mirror.to
        _check_other(f"port {name}: mirror.to", name, to, ports)
        if to in wired:
            raise SpecError(f"port {name}: mirror.to: {to} is wired to {wired[to]}")
        if ports[to].mirror is not None:
            raise SpecError(f"port {name}: mirror.to: {to} is mirrored itself")
    fixed: dict[tuple[str, int], str] = {}
    for name, port in ports.items():
        for address in port.addresses():
            if (owner := fixed.setdefault(address, name)) != name:
                raise SpecError(f"port {name}: static: {address[0]} is fixed to {owner} already")


def _check_other(what: str, name: str, other: str, ports: dict[str, PolicySpec]) -> None:
    if other == name:
        raise SpecError(f"{what}: {name} is the port itself")
    if other not in ports:
        raise SpecError(f"{what}: there is no port {other!r}")
