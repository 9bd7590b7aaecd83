"""What one measurement yields, and how a set of them is shown."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Figure:
    """One row: ours beside the peer's, and the goal if there is one.

    ``goal`` is in ``unit`` and bounds ``ours``: from below where ``higher_is_better``, else from above.
    ``peer`` is None where the peer has nothing to compare.
    """

    name: str
    unit: str
    ours: float
    peer: float | None
    goal: float | None
    higher_is_better: bool
    note: str = ""

    @property
    def speedup(self) -> float | None:
        """How many times better than the peer we are; below 1 we are worse."""
        if not self.peer or not self.ours:
            return None
        return self.ours / self.peer if self.higher_is_better else self.peer / self.ours

    @property
    def reached(self) -> bool | None:
        """Whether the goal is reached; None where there is none."""
        if self.goal is None:
            return None
        return self.ours >= self.goal if self.higher_is_better else self.ours <= self.goal


#: A measurement: takes nothing, returns its rows.
Measurement = Callable[[], Sequence[Figure]]


def table(figures: Sequence[Figure]) -> str:
    """Return the rows as aligned text."""
    head = ("what", "unit", "ours", "QEMU", "times better", "goal", "reached")
    rows = [head, *map(_cells, figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    notes = [f"{figure.name}: {figure.note}" for figure in figures if figure.note]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:], *notes])


def _cells(figure: Figure) -> tuple[str, ...]:
    def number(value: float | None) -> str:
        return "-" if value is None else f"{value:.3g}" if value < 1000 else f"{value:.0f}"

    bound = "" if figure.goal is None else (">= " if figure.higher_is_better else "<= ") + number(figure.goal)
    reached = {None: "", True: "yes", False: "NO"}[figure.reached]
    return figure.name, figure.unit, number(figure.ours), number(figure.peer), number(figure.speedup), bound, reached


def save(figures: Sequence[Figure], host: dict[str, str], path: Path) -> None:
    """Write the rows and what machine they come from as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [{**asdict(figure), "speedup": figure.speedup, "reached": figure.reached} for figure in figures]
    path.write_text(json.dumps({"host": host, "figures": rows}, indent=2) + "\n")
