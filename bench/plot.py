"""The figures as a picture: for each row how fast every machine is beside QEMU, on a logarithmic scale."""

import math
from collections.abc import Iterator, Sequence
from html import escape

from bench.figure import PEERS, Against, Alternatives, Figure

LABELS, PLOT, MARGIN, LINE, HEAD = 280, 560, 60, 20, 86  # pixels
REACHED, MISSED, NATIVE, UML, INK, GRID = "#2e8b57", "#d2691e", "#1f5fbf", "#8a3fa0", "#222222", "#dddddd"
STEPS = (1, 2, 5)


def draw(figures: Sequence[Figure]) -> str:
    """Return the picture as SVG, with the rows that QEMU has a value for."""
    rows = [figure for figure in figures if speed(figure, "qemu")]
    known = [value for figure in rows for value in (*(speed(figure, peer) for peer in PEERS), needed(figure)) if value]
    scale = _Scale(min([0.5, *known]), max([2.0, *known]))
    height = HEAD + LINE * len(rows) + 10
    body = [*_axis(scale, height), *_legend()]
    for at, figure in enumerate(rows):
        body += _row(figure, scale, HEAD + LINE * at)
    width = LABELS + PLOT + MARGIN
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            'font-family="sans-serif" font-size="12">',
            f'<rect width="{width}" height="{height}" fill="white"/>',
            *body,
            "</svg>\n",
        ]
    )


def speed(figure: Figure, peer: str) -> float | None:
    """Return how many times as fast as QEMU a machine is; None where one of the two has no value."""
    value, qemu = figure.value(peer), figure.value("qemu")
    if not value or not qemu:
        return None
    return value / qemu if figure.higher_is_better else qemu / value


def needed(figure: Figure) -> float | None:
    """Return how many times as fast as QEMU our machine reaches its goal; None where that cannot be said."""
    groups = [_easiest(figure, group) for group in figure.goals]
    if not groups or None in groups:
        return None
    return max(value for value in groups if value is not None)


def _easiest(figure: Figure, group: Alternatives) -> float | None:
    speeds = []
    for goal in group:
        if isinstance(goal, Against):
            theirs = speed(figure, goal.peer)
            speeds.append(theirs and theirs * goal.times)
        elif qemu := figure.value("qemu"):
            speeds.append(goal.limit / qemu if figure.higher_is_better else qemu / goal.limit)
    known = [value for value in speeds if value is not None]
    return min(known) if known else None


class _Scale:
    """Where a speed lies, in pixels from the left."""

    def __init__(self, least: float, most: float) -> None:
        self._low, self._high = math.log(least) - 0.1, math.log(most) + 0.1

    def __call__(self, value: float) -> float:
        return round(LABELS + PLOT * (math.log(value) - self._low) / (self._high - self._low), 1)

    def ticks(self) -> Iterator[float]:
        """Yield round speeds within the scale."""
        for power in range(math.floor(self._low / math.log(10)), math.ceil(self._high / math.log(10))):
            for step in STEPS:
                value = step * 10.0**power
                if self._low <= math.log(value) <= self._high:
                    yield value


def _axis(scale: _Scale, height: int) -> Iterator[str]:
    for value in scale.ticks():
        x, ink = scale(value), INK if value == 1 else GRID
        yield f'<path d="M{x} {HEAD - 6}V{height - 8}" stroke="{ink}"/>'
        yield _text(x, HEAD - 12, f"{value:g}", "middle")


def _legend() -> Iterator[str]:
    yield _text(10, 18, "Speed beside QEMU, which is 1: the further right, the faster", weight="bold")
    yield _text(LABELS + PLOT + MARGIN - 10, HEAD - 12, "ours", "end", "bold")
    items = (
        (_bar(0, 12, 8, REACHED), "ours, goal reached"),
        (_bar(0, 12, 8, MISSED), "ours, goal missed"),
        (_tick(6, 8), "goal"),
        (_dot(6, 12), "native"),
        (_triangle(6, 12), "User Mode Linux"),
    )
    for at, (mark, name) in enumerate(items):
        yield f'<g transform="translate({10 + 160 * at} 24)">{mark}{_text(18, 18, name)}</g>'


def _row(figure: Figure, scale: _Scale, top: int) -> Iterator[str]:
    middle = top + LINE // 2
    yield _text(10, middle + 4, f"{figure.name}: {figure.title}" if figure.title else figure.name)
    if ours := speed(figure, "ours"):
        left, right = sorted((scale(1), scale(ours)))
        yield _bar(left, right - left, top + 5, MISSED if figure.reached is False else REACHED)
        yield _text(LABELS + PLOT + MARGIN - 10, middle + 4, f"{ours:.2g}", "end")
    if native := speed(figure, "native"):
        yield _dot(scale(native), middle)
    if uml := speed(figure, "uml"):
        yield _triangle(scale(uml), middle)
    if goal := needed(figure):
        yield _tick(scale(goal), top + 3)


def _text(x: float, y: float, words: str, anchor: str = "start", weight: str = "normal") -> str:
    return f'<text x="{x}" y="{y}" fill="{INK}" text-anchor="{anchor}" font-weight="{weight}">{escape(words)}</text>'


def _bar(x: float, width: float, top: float, ink: str) -> str:
    return f'<rect x="{x}" y="{top}" width="{max(1, round(width, 1))}" height="10" fill="{ink}"/>'


def _tick(x: float, top: float) -> str:
    return f'<path d="M{x} {top}v14" stroke="{INK}" stroke-width="3"/>'


def _dot(x: float, y: float) -> str:
    return f'<circle cx="{x}" cy="{y}" r="4" fill="{NATIVE}"/>'


def _triangle(x: float, y: float) -> str:
    return f'<path d="M{x} {y - 5}l5 9h-10z" fill="{UML}"/>'
