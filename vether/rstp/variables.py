"""The variables of a port (IEEE 802.1D-2004, 17.15, 17.17 and 17.19) under their names there."""

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vether.rstp.bpdu import Bpdu
from vether.rstp.parameters import PortConfig, Times, Vector

if TYPE_CHECKING:
    from vether.rstp.bridge import Bridge

_NO_VECTOR = Vector(0, 0, 0, 0)
_NO_TIMES = Times(0, 0, 0, 0)


class Role(enum.Enum):
    """Port roles (17.7)."""

    DisabledPort = "disabled"
    RootPort = "root"
    DesignatedPort = "designated"
    AlternatePort = "alternate"
    BackupPort = "backup"


class InfoIs(enum.Enum):
    """Where a port's information comes from (17.19.10)."""

    Disabled = "disabled"
    Mine = "mine"
    Aged = "aged"
    Received = "received"


class RcvdInfo(enum.Enum):
    """What a received message means (17.21.8)."""

    SuperiorDesignatedInfo = enum.auto()
    RepeatedDesignatedInfo = enum.auto()
    InferiorDesignatedInfo = enum.auto()
    InferiorRootAlternateInfo = enum.auto()
    OtherInfo = enum.auto()


@dataclass(slots=True, eq=False)
class Port:
    """A port: its variables, and the state of each of its machines in `current`."""

    bridge: "Bridge"
    config: PortConfig
    number: int

    # 17.17: timers, in ticks of a second.
    edgeDelayWhile: int = 0
    fdWhile: int = 0
    helloWhen: int = 0
    mdelayWhile: int = 0
    rbWhile: int = 0
    rcvdInfoWhile: int = 0
    rrWhile: int = 0
    tcWhile: int = 0
    txCount: int = 0

    # 17.19.
    agree: bool = False
    agreed: bool = False
    designatedPriority: Vector = _NO_VECTOR
    designatedTimes: Times = _NO_TIMES
    disputed: bool = False
    fdbFlush: bool = False
    forward: bool = False
    forwarding: bool = False
    infoIs: InfoIs = InfoIs.Disabled
    learn: bool = False
    learning: bool = False
    mcheck: bool = False
    msgPriority: Vector = _NO_VECTOR
    msgTimes: Times = _NO_TIMES
    newInfo: bool = False
    operEdge: bool = False
    portEnabled: bool = False
    portPriority: Vector = _NO_VECTOR
    portTimes: Times = _NO_TIMES
    proposed: bool = False
    proposing: bool = False
    rcvdBPDU: bool = False
    rcvdInfo: RcvdInfo = RcvdInfo.OtherInfo
    rcvdMsg: bool = False
    rcvdRSTP: bool = False
    rcvdSTP: bool = False
    rcvdTc: bool = False
    rcvdTcAck: bool = False
    rcvdTcn: bool = False
    reRoot: bool = False
    reselect: bool = False
    role: Role = Role.DisabledPort
    selected: bool = False
    selectedRole: Role = Role.DisabledPort
    sendRSTP: bool = False
    sync: bool = False
    synced: bool = False
    tcAck: bool = False
    tcProp: bool = False
    tick: bool = False
    updtInfo: bool = False

    #: The message that rcvdBPDU speaks of.
    message: Bpdu | None = None
    current: dict[str, str] = field(default_factory=dict)
    #: BPDUs and what became of them, by name.
    counters: dict[str, int] = field(default_factory=dict)
    #: Whether there is a link; portEnabled is that, unless BPDU guard took the port down.
    link: bool = False
    #: When BPDU guard lets the port up again; None if it did not take it down.
    guarded_until: float | None = None

    @property
    def portId(self) -> int:  # noqa: D102 - 17.19.21
        return self.config.priority << 8 | self.number

    @property
    def AdminEdge(self) -> bool:  # noqa: D102 - 17.13.1
        return self.config.admin_edge

    @property
    def AutoEdge(self) -> bool:  # noqa: D102 - 17.13.3
        return self.config.auto_edge

    @property
    def operPointToPointMAC(self) -> bool:  # noqa: D102 - 6.4.3
        return self.config.point_to_point

    @property
    def PortPathCost(self) -> int:  # noqa: D102 - 17.13.11
        return self.config.cost

    def count(self, what: str) -> None:
        """Count an event."""
        self.counters[what] = self.counters.get(what, 0) + 1
