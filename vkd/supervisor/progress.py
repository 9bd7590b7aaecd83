"""A deadline on progress rather than on the clock: a slow boot is given time for as long as it gets anywhere.

A guest gets somewhere when its console says something, its devices move data, or its harts retire a share of work that
an idle kernel does not. An idle kernel's timer ticks are not progress.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sample:
    """Counters of a guest at one moment; each only grows until the guest reboots."""

    instructions: int = 0
    console: int = 0
    io: int = 0


class Progress:
    """Watches samples; `stalled` turns true when none showed progress for `deadline` seconds."""

    def __init__(self, now: float, *, deadline: float = 60.0, work: int = 50_000_000) -> None:
        """`work` is how many retired instructions count as progress; idle Linux takes minutes for as many."""
        self._deadline = deadline
        self._work = work
        self._since = now
        self._mark = Sample()

    def feed(self, now: float, sample: Sample) -> bool:
        """Take a sample; return whether it showed progress."""
        mark = self._mark
        moved = (
            sample.console != mark.console
            or sample.io != mark.io
            or sample.instructions < mark.instructions  # it rebooted
            or sample.instructions - mark.instructions >= self._work
        )
        if moved:
            self._mark = sample
            self._since = now
        return moved

    def touch(self, now: float) -> None:
        """Note progress that was seen elsewhere, such as a stage that was reached."""
        self._since = now

    def idle(self, now: float) -> float:
        """Seconds since the last progress."""
        return now - self._since

    def stalled(self, now: float) -> bool:
        """Whether the deadline has passed without progress."""
        return self.idle(now) >= self._deadline
