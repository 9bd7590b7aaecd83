"""What the user asked for."""

from dataclasses import dataclass

from bench.figure import PEERS


@dataclass(frozen=True)
class Options:
    """How to measure: `rounds` over the `peers`, in each the best of `repeats` runs of `scale` times the work.

    `rows` are the rows wanted, all where it is empty; `translate` is whether our machine may.
    """

    rounds: int = 3
    repeats: int = 3
    scale: float = 1.0
    peers: tuple[str, ...] = tuple(PEERS)
    rows: frozenset[str] = frozenset()
    translate: bool = True

    def wants(self, row: str) -> bool:
        """Whether `row` is to be measured."""
        return not self.rows or row in self.rows
