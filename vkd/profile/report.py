"""A profile in numbers: shares by task and by symbol."""

from collections import Counter

import msgspec

from vkd.profile.sample import Profile
from vkd.profile.stacks import Stack


class SymbolRow(msgspec.Struct, frozen=True):
    """A symbol: samples in it, and samples in it or in what it called."""

    symbol: str
    mode: str
    self: int
    total: int


class TaskRow(msgspec.Struct, frozen=True):
    """A task: its samples in the kernel and outside."""

    task: str
    kernel: int
    user: int

    @property
    def samples(self) -> int:
        """All of them."""
        return self.kernel + self.user


class Report(msgspec.Struct, frozen=True):
    """A profile in numbers of samples. `idle` requests found a hart asleep, `lost` samples were never read."""

    hz: int
    seconds: float
    harts: int
    samples: int
    idle: int
    lost: int
    tasks: list[TaskRow]
    symbols: list[SymbolRow]

    @property
    def kernel(self) -> int:
        """Samples in the kernel."""
        return sum(row.kernel for row in self.tasks)


def report(profile: Profile, stacks: Counter[Stack]) -> Report:
    """Return what `stacks`, those of `profile`, come to; the largest first."""
    own: Counter[tuple[str, bool]] = Counter()
    total: Counter[tuple[str, bool]] = Counter()
    tasks: dict[str, list[int]] = {}
    for (task, frames), count in stacks.items():
        leaf = frames[-1]
        own[leaf.name, leaf.kernel] += count
        for name, kernel in {(frame.name, frame.kernel) for frame in frames}:
            total[name, kernel] += count
        tasks.setdefault(task, [0, 0])[not leaf.kernel] += count
    symbols = [
        SymbolRow(name, "kernel" if kernel else "user", own[name, kernel], count)
        for (name, kernel), count in total.items()
    ]
    return Report(
        hz=profile.hz,
        seconds=round(profile.seconds, 3),
        harts=profile.harts,
        samples=len(profile.samples),
        idle=profile.idle,
        lost=profile.lost,
        tasks=sorted((TaskRow(task, *counts) for task, counts in tasks.items()), key=lambda row: -row.samples),
        symbols=sorted(symbols, key=lambda row: (-row.self, -row.total, row.symbol)),
    )


def folded(stacks: Counter[Stack]) -> str:
    """Return stacks as lines `TASK;OUTERMOST;…;INNERMOST COUNT`, the kernel's frames marked `_[k]`.

    It is the form that Brendan Gregg's flamegraph.pl and speedscope read.
    """
    lines = [
        ";".join((task, *(f"{frame.name}_[k]" if frame.kernel else frame.name for frame in frames))) + f" {count}\n"
        for (task, frames), count in stacks.items()
    ]
    return "".join(sorted(lines))
