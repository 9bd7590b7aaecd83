"""The stop ladder: ask the guest, then SIGTERM, then SIGKILL; each rung has a bound."""

from dataclasses import dataclass
from typing import Literal

#: What a rung does: run `poweroff` inside, tell the vkernel to flush and end, end it.
Action = Literal["ask", "sigterm", "sigkill"]


@dataclass(frozen=True, slots=True)
class Rung:
    """Do `action`, then wait at most `seconds` for the process to end before the next rung."""

    action: Action
    seconds: float


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long each rung may take, seconds."""

    ask: float = 20.0
    sigterm: float = 10.0
    sigkill: float = 5.0


def rungs(*, reachable: bool, bounds: Bounds | None = None, force: bool = False) -> tuple[Rung, ...]:
    """Return the rungs in order.

    A guest that is not `reachable` (no ssh) is not asked; `force` also skips the asking.
    """
    bounds = bounds or Bounds()
    rest = (Rung("sigterm", bounds.sigterm), Rung("sigkill", bounds.sigkill))
    return (Rung("ask", bounds.ask), *rest) if reachable and not force else rest
