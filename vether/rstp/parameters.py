"""What is configured (IEEE 802.1D-2004, 17.13 and 17.14), and the values that the algorithm compares (17.5, 17.6)."""

from dataclasses import dataclass
from typing import NamedTuple

#: Seconds until a port tries RSTP again, and an auto edge port is one (17.13.9).
MigrateTime = 3

_ADDRESS = (1 << 48) - 1
_NUMBER = (1 << 12) - 1


class ParameterError(ValueError):
    """A value outside of what the standard allows; the message names it and its range."""


class Vector(NamedTuple):
    """A priority vector (17.5) without the receiving port's identifier. Less is better."""

    RootBridgeID: int
    RootPathCost: int
    DesignatedBridgeID: int
    DesignatedPortID: int

    def is_same_source(self, other: "Vector") -> bool:
        """Whether both were sent by the same port: bridge address and port number without their priorities."""
        bridges = self.DesignatedBridgeID ^ other.DesignatedBridgeID
        return not bridges & _ADDRESS and not (self.DesignatedPortID ^ other.DesignatedPortID) & _NUMBER


class Times(NamedTuple):
    """Timer parameters that go with a vector, seconds (17.19.22)."""

    MessageAge: int
    MaxAge: int
    HelloTime: int
    ForwardDelay: int


@dataclass(frozen=True, kw_only=True)
class PortConfig:
    """A port of a bridge. ParameterError if a value is out of range."""

    name: str
    #: 1 to 4095; the lowest free one if None.
    number: int | None = None
    #: 0 to 240 in steps of 16 (table 17-2).
    priority: int = 128
    #: 1 to 200,000,000 (table 17-3); that of `speed` if None.
    path_cost: int | None = None
    #: Bits per second.
    speed: float = 10e9
    #: AdminEdge (17.13.1): known to lead to a host.
    admin_edge: bool = False
    #: AutoEdge (17.13.3): taken for one while no BPDU comes.
    auto_edge: bool = True
    #: Whether one bridge at most is at the other end (6.4.3); only then do proposals and agreements work.
    point_to_point: bool = True
    #: Whether a BPDU takes the port down.
    bpdu_guard: bool = False
    #: Whether the root is never looked for behind it (`restrictedRole` in 802.1Q).
    root_guard: bool = False

    def __post_init__(self) -> None:
        _check("port number", 1 if self.number is None else self.number, 1, 4095)
        _check("port priority", self.priority, 0, 240, 16)
        _check("path cost", self.cost, 1, 200_000_000)

    @property
    def cost(self) -> int:
        """PortPathCost (17.13.11), given or not."""
        return self.path_cost if self.path_cost is not None else path_cost(self.speed)


@dataclass(frozen=True, kw_only=True)
class BridgeConfig:
    """A bridge. Times are seconds. ParameterError if a value is out of range."""

    #: MAC address, 6 bytes.
    address: bytes
    #: 0 to 61,440 in steps of 4096 (table 17-2).
    priority: int = 32768
    hello_time: int = 2
    max_age: int = 20
    forward_delay: int = 15
    #: BPDUs per second and port (17.13.12).
    tx_hold_count: int = 6
    #: ForceProtocolVersion (17.13.4): 2, or 0 for a bridge that speaks STP only.
    force_version: int = 2
    #: Seconds until a port that BPDU guard took down is tried again.
    guard_time: float = 300.0

    def __post_init__(self) -> None:
        if len(self.address) != 6:
            raise ParameterError("the bridge's address has not 6 bytes")
        _check("priority", self.priority, 0, 61440, 4096)
        _check("hello_time", self.hello_time, 1, 10)
        _check("max_age", self.max_age, 6, 40)
        _check("forward_delay", self.forward_delay, 4, 30)
        _check("tx_hold_count", self.tx_hold_count, 1, 10)
        if self.force_version not in {0, 2}:
            raise ParameterError(f"force_version: {self.force_version} is neither 0 (STP) nor 2 (RSTP)")
        if not 2 * (self.forward_delay - 1) >= self.max_age >= 2 * (self.hello_time + 1):
            relation = "2 * (forward_delay - 1) >= max_age >= 2 * (hello_time + 1)"
            raise ParameterError(f"the times do not fit each other (17.14): {relation}")

    @property
    def BridgeIdentifier(self) -> int:  # noqa: D102 - 17.18.2
        return self.priority << 48 | int.from_bytes(self.address, "big")

    @property
    def BridgeTimes(self) -> Times:  # noqa: D102 - 17.18.4
        return Times(0, self.max_age, self.hello_time, self.forward_delay)


def path_cost(speed: float) -> int:
    """Return the recommended cost of a link of `speed` bits per second (table 17-3)."""
    return round(min(max(20e12 / max(speed, 1.0), 1), 200_000_000))


def describe_bridge(identifier: int) -> str:
    """Return a bridge identifier as people write it: `8000.02:00:00:00:00:01`."""
    address = (identifier & _ADDRESS).to_bytes(6, "big").hex(":")
    return f"{identifier >> 48:04x}.{address}"


def _check(what: str, value: int, low: int, high: int, step: int = 1) -> None:
    if not low <= value <= high or value % step:
        steps = f" in steps of {step}" if step > 1 else ""
        raise ParameterError(f"{what}: {value} is not between {low} and {high}{steps}")
