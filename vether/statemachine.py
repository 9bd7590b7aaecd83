"""State machines as literal tables, in the notation of IEEE 802 standards (802.1D-2004, 17.16).

A state has entry actions, done once on entry, and exits: conditions that are looked at until one is true. `UCT` is
the unconditional transition. Global entries are the arrows of a figure that begin nowhere: they are taken from any
state. A machine's `qualifier` is the condition that the figure's note adds to all transitions except UCT.
"""

from collections.abc import Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


def UCT(_: object) -> bool:  # noqa: N802 - its name in the standard
    """Unconditional transition."""
    return True


def nothing(_: object) -> None:
    """No entry actions."""


@dataclass(frozen=True)
class State(Generic[T]):
    """One box of a figure: what is done on entry, and where it goes from there when."""

    entry: Callable[[T], None]
    exits: tuple[tuple[Callable[[T], bool], str], ...]


@dataclass(frozen=True)
class Machine(Generic[T]):
    """A figure. `begin` gives the state that BEGIN leads to."""

    name: str
    begin: Callable[[T], str]
    states: dict[str, State[T]]
    entries: tuple[tuple[Callable[[T], bool], str], ...] = ()
    qualifier: Callable[[T], bool] = UCT

    def start(self, context: T, current: MutableMapping[str, str]) -> None:
        """Enter the first state."""
        current[self.name] = self.begin(context)
        self.states[current[self.name]].entry(context)

    def step(self, context: T, current: MutableMapping[str, str]) -> bool:
        """Take one transition if one is due; returns whether."""
        state = self.states[current[self.name]]
        qualified = self.qualifier(context)
        if qualified:
            for condition, target in self.entries:
                if condition(context):
                    return self._enter(target, context, current)
        for condition, target in state.exits:
            if (qualified or condition is UCT) and condition(context):
                return self._enter(target, context, current)
        return False

    def _enter(self, target: str, context: T, current: MutableMapping[str, str]) -> bool:
        current[self.name] = target
        self.states[target].entry(context)
        return True


#: Transitions that one event may cause in one set of machines; more is a defect in a table.
_MOST = 100_000


def settle(machines: Iterable[Machine[T]], contexts: Iterable[tuple[T, MutableMapping[str, str]]]) -> bool:
    """Step all machines of all contexts until none moves; returns whether one did. RuntimeError if it never ends."""
    machines, contexts = tuple(machines), tuple(contexts)
    moved, left = False, _MOST
    again = True
    while again:
        again = False
        for context, current in contexts:
            for machine in machines:
                while machine.step(context, current):
                    again = moved = True
                    left -= 1
                    if not left:
                        raise RuntimeError(f"{machine.name} does not come to rest: {dict(current)}")
    return moved
