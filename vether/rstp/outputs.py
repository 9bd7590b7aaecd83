"""What a bridge asks of whoever runs it, to be done in the order given."""

import enum
from dataclasses import dataclass


class PortState(enum.Enum):
    """Port states (IEEE 802.1D-2004, 17.10)."""

    Discarding = "discarding"
    Learning = "learning"
    Forwarding = "forwarding"


@dataclass(frozen=True, slots=True)
class Send:
    """Send the BPDU `data` out of `port`."""

    port: str
    data: bytes


@dataclass(frozen=True, slots=True)
class SetState:
    """Give `port` the state."""

    port: str
    state: PortState


@dataclass(frozen=True, slots=True)
class Flush:
    """Forget the addresses learned at `port`."""

    port: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that people want to know: `what` is its stable name."""

    port: str
    what: str
    text: str


Output = Send | SetState | Flush | Notice
