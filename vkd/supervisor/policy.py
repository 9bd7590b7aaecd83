"""Restart policy: given how a run ended and how the runs before it went, restart after a delay or give up.

Pure: the clock is an argument. Times are seconds of any one clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

#: When to restart: never, after a failure only, or after every end that the user did not ask for.
Restarts = Literal["no", "on-failure", "always"]

#: How a run can end. The first three are orderly.
Kind = Literal["poweroff", "reboot", "stopped", "failure", "halted", "fault", "panic", "stalled", "crashed"]

_ORDERLY: frozenset[str] = frozenset({"poweroff", "reboot", "stopped"})


@dataclass(frozen=True, slots=True)
class Exit:
    """How a run ended: the kind, the code that the guest gave (0 if none), and a sentence for people."""

    kind: str
    code: int = 0
    reason: str = ""

    @property
    def failed(self) -> bool:
        """Whether this was a failure rather than an orderly end."""
        return self.kind not in _ORDERLY


@dataclass(frozen=True, slots=True)
class Run:
    """One past run: when it began and ended, and whether the guest became ready in it."""

    began: float
    ended: float
    ready: bool


@dataclass(frozen=True, slots=True)
class Policy:
    """When to restart, and how patiently."""

    restarts: Restarts = "on-failure"
    #: Restarts in a row before we give up; None: without end.
    attempts: int | None = 5
    #: First delay, seconds; each further one doubles it, up to `longest`.
    delay: float = 1.0
    longest: float = 60.0
    #: A run that became ready and lasted so long ends a row of early ends, seconds.
    stable: float = 60.0


@dataclass(frozen=True, slots=True)
class Restart:
    """Start it again after `delay` seconds; this is attempt number `attempt` (from 1) since it last ran well."""

    delay: float
    attempt: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Leave it. `failed` says whether that is a failure or the orderly end of its work."""

    reason: str
    failed: bool


def decide(policy: Policy, exit_: Exit, history: Sequence[Run]) -> Restart | GiveUp:
    """Decide about a run that ended with `exit_`; `history` holds the runs up to and with this one, oldest first."""
    if policy.restarts == "no" or (policy.restarts == "on-failure" and not exit_.failed):
        return GiveUp(exit_.reason or exit_.kind, exit_.failed)
    early = early_ends(policy, history)
    if policy.attempts is not None and early > policy.attempts:
        last = exit_.reason or exit_.kind
        return GiveUp(f"gave up after {policy.attempts} restarts in a row; the last: {last}", failed=True)
    # 2.0 ** 1024 overflows a float; no delay that matters is past 2 ** 63.
    doubled = policy.delay * 2.0 ** min(max(early - 1, 0), 63)
    return Restart(min(doubled, policy.longest), max(early, 1))


def early_ends(policy: Policy, history: Sequence[Run]) -> int:
    """Count the runs at the end of `history` that did not last, back to the last one that did."""
    count = 0
    for run in reversed(history):
        if run.ready and run.ended - run.began >= policy.stable:
            break
        count += 1
    return count
