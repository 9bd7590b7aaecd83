"""What one measurement yields: a value for each machine, and what ours is to reach."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

#: The machines that are compared, and how they are called in tables.
PEERS = {"ours": "ours", "qemu": "QEMU", "native": "native", "uml": "UML"}

#: What moves frames beside our switch: the kernel's bridge or its own tunnels, and VDE.
SWITCHES = {"kernel": "the kernel", "vde": "vde_switch"}
NAMES = PEERS | SWITCHES


@dataclass(frozen=True)
class Bound:
    """A goal in the figure's own unit: a least value where higher is better, else a greatest."""

    limit: float


@dataclass(frozen=True)
class Against:
    """A goal in proportion: at least `times` as good as `peer`."""

    peer: str
    times: float


Alternatives = tuple[Bound | Against, ...]


@dataclass(frozen=True)
class Figure:
    """One row: for each machine the values of all rounds, or why there are none.

    Of each group of alternatives in ``goals`` one is to be reached.
    """

    name: str
    unit: str
    rounds: Mapping[str, Sequence[float]]
    goals: tuple[Alternatives, ...] = ()
    higher_is_better: bool = False
    title: str = ""
    problems: Mapping[str, str] = field(default_factory=dict)

    def value(self, peer: str) -> float | None:
        """Return the median of the rounds; None where the peer has no value."""
        values = self.rounds.get(peer)
        return median(values) if values else None

    def ratio(self, peer: str) -> float | None:
        """Return how many times better than the peer we are; below 1 we are worse."""
        ours, theirs = self.value("ours"), self.value(peer)
        if not ours or not theirs:
            return None
        return ours / theirs if self.higher_is_better else theirs / ours

    @property
    def reached(self) -> bool | None:
        """Whether all goals are reached; None where there is none, or none of it could be compared."""
        groups = [self._any(group) for group in self.goals]
        if False in groups:
            return False
        return True if groups and None not in groups else None

    @property
    def goal(self) -> str:
        """The goals in words."""
        return "; ".join(" or ".join(map(self._words, group)) for group in self.goals)

    def _any(self, group: Alternatives) -> bool | None:
        met = [self._met(goal) for goal in group]
        return True if True in met else None if None in met else False

    def _met(self, goal: Bound | Against) -> bool | None:
        if isinstance(goal, Against):
            ratio = self.ratio(goal.peer)
            return None if ratio is None else ratio >= goal.times
        ours = self.value("ours")
        if ours is None:
            return None
        return ours >= goal.limit if self.higher_is_better else ours <= goal.limit

    def _words(self, goal: Bound | Against) -> str:
        if isinstance(goal, Against):
            return f"{goal.times:.2g}x {NAMES[goal.peer]}"
        return f"{'>=' if self.higher_is_better else '<='} {goal.limit:g} {self.unit}"
