"""Specification of spanning tree and LLDP: what stands under `stp` and `lldp`."""

import hashlib
import os
import re
import socket
from pathlib import Path
from typing import Literal

import msgspec

from vether.errors import SpecError
from vether.loop import LoopConfig
from vether.rstp import BridgeConfig, ParameterError, PortConfig

_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}\Z", re.IGNORECASE)


class StpSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The bridge's part of the spanning tree (IEEE 802.1D-2004, 17.13 and 17.14). Times are seconds."""

    #: 0 to 61440 in steps of 4096; the least one is the root.
    priority: int = 32768
    #: The MAC address in the bridge's identifier; one of this host and network if not given.
    address: str | None = None
    hello_time: int = 2
    max_age: int = 20
    forward_delay: int = 15
    tx_hold_count: int = 6
    version: Literal["rstp", "stp"] = "rstp"
    #: How long BPDU guard keeps a port down.
    guard_time: float = 300.0

    def bridge(self, address: bytes) -> BridgeConfig:
        """Return the bridge's configuration; `address` is taken if none was given. Raises `SpecError`."""
        if self.address is not None:
            if not _MAC.match(self.address) or int(self.address[:2], 16) & 1:
                raise SpecError(f"stp.address: {self.address!r} is not a unicast address like 52:54:00:12:34:56")
            address = bytes.fromhex(self.address.replace(":", ""))
        if not 1 <= self.guard_time <= 86400:
            raise SpecError(f"stp.guard_time: {self.guard_time} is not between 1 and 86400 seconds")
        try:
            return BridgeConfig(
                address=address,
                priority=self.priority,
                hello_time=self.hello_time,
                max_age=self.max_age,
                forward_delay=self.forward_delay,
                tx_hold_count=self.tx_hold_count,
                force_version=2 if self.version == "rstp" else 0,
                guard_time=self.guard_time,
            )
        except ParameterError as error:
            raise SpecError(f"stp: {error}") from error


class PortStpSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A port's part of the spanning tree."""

    #: 0 to 240 in steps of 16.
    priority: int = 128
    #: 1 to 200000000.
    path_cost: int = 2000
    #: Whether it leads to a host: `yes` forwards at once, `auto` after three seconds without a BPDU.
    edge: Literal["auto", "yes", "no"] = "auto"
    #: Whether a BPDU takes the port down.
    bpdu_guard: bool = False
    #: Whether the root may not be behind it.
    root_guard: bool = False
    #: Whether one bridge at most is at the other end.
    point_to_point: bool = True

    def port(self, name: str, where: str = "stp") -> PortConfig:
        """Return the port's configuration. Raises `SpecError` that begins with `where`."""
        try:
            return PortConfig(
                name=name,
                priority=self.priority,
                path_cost=self.path_cost,
                admin_edge=self.edge == "yes",
                auto_edge=self.edge != "no",
                bpdu_guard=self.bpdu_guard,
                root_guard=self.root_guard,
                point_to_point=self.point_to_point,
            )
        except ParameterError as error:
            raise SpecError(f"{where}: {error}") from error


class LldpSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is told to neighbours by LLDP."""

    #: The switch's name; the host's and the network's if not given.
    name: str | None = None
    #: Seconds between two frames; a neighbour that is not heard for four times that is gone.
    interval: int = 30

    def check(self) -> None:
        """Raise `SpecError` for what cannot be."""
        if not 1 <= self.interval <= 3600:
            raise SpecError(f"lldp.interval: {self.interval} is not between 1 and 3600 seconds")
        if self.name is not None and not 1 <= len(self.name.encode()) <= 255:
            raise SpecError("lldp.name: it has not 1 to 255 bytes")


class LoopSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The loop detector, for a switch without spanning tree. Seconds."""

    #: Between two probes of a port.
    interval: float = 2.0
    #: How long a port stays closed after the last probe came back.
    hold: float = 30.0

    def config(self, address: bytes) -> LoopConfig:
        """Return the detector's configuration. Raises `SpecError`."""
        if not 0.1 <= self.interval <= 60:
            raise SpecError(f"loop.interval: {self.interval:g} is not between 0.1 and 60 seconds")
        if not 3 * self.interval <= self.hold <= 86400:
            raise SpecError(f"loop.hold: {self.hold:g} is not between three intervals and 86400 seconds")
        return LoopConfig(address=address, interval=self.interval, hold=self.hold)


def host_address(folder: Path) -> bytes:
    """Return a MAC address of this host and of the switch in `folder`: another start of it has the same."""
    try:
        machine = Path("/etc/machine-id").read_bytes()
    except OSError:
        machine = b""
    seed = b"\0".join([machine, socket.gethostname().encode(), os.fsencode(folder.absolute())])
    digest = hashlib.blake2b(seed, digest_size=6).digest()
    return bytes([digest[0] & 0xFC | 0x02]) + digest[1:]
