"""How figures are shown and kept: a table in Markdown, and JSON."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.figure import NAMES, PEERS, SWITCHES, Figure


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as a Markdown table that is aligned for the eye as well, and why values are missing."""
    peers = _peers(figures)
    others = [f"x {NAMES[peer]}" for peer in peers if peer != "ours"]
    head = ("row", "what", "unit", *(NAMES[peer] for peer in peers), *others, "goal", "reached")
    rows = [head, *(_cells(figure, peers) for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:], *_problems(figures)])


def document(figures: Sequence[Figure], host: Mapping[str, str], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what goes into the JSON file: where and how it was measured, and all values of all rounds."""
    return {"host": dict(host), "settings": dict(settings), "figures": [_facts(figure) for figure in figures]}


def page(facts: Mapping[str, Any], figures: Sequence[Figure]) -> str:
    """Return the table with the machine that it was measured on."""
    told = "; ".join(f"{name}: {value}" for name, value in (*facts["host"].items(), *facts["settings"].items()))
    intro = (
        "Made by `make bench`; each value is the median of the rounds, and `x PEER` is how many times better ours is."
    )
    return f"# Figures\n\n{intro}\n\n{told}.\n\n![Speed beside QEMU](plot.svg)\n\n{table(figures)}\n"


def save(path: Path, facts: Mapping[str, Any]) -> None:
    """Write the JSON file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(facts, indent=1) + "\n")


def _peers(figures: Sequence[Figure]) -> tuple[str, ...]:
    """Return who is compared: the machines, and the switches that have a figure; without machines only those."""
    used = {peer for figure in figures for peer in (*figure.rounds, *figure.problems)}
    machines = () if used and used <= {"ours", *SWITCHES} and used & SWITCHES.keys() else tuple(PEERS)
    return (*(machines or ("ours",)), *(peer for peer in SWITCHES if peer in used))


def _cells(figure: Figure, peers: Sequence[str]) -> tuple[str, ...]:
    values = (_number(figure.value(peer)) for peer in peers)
    ratios = (_number(figure.ratio(peer)) for peer in peers if peer != "ours")
    reached = {None: "", True: "yes", False: "NO"}[figure.reached]
    return figure.name, figure.title, figure.unit, *values, *ratios, figure.goal, reached


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def _problems(figures: Sequence[Figure]) -> list[str]:
    """Return each reason once, with the rows that it concerns."""
    rows: dict[tuple[str, str], list[str]] = {}
    for figure in figures:
        for peer, reason in figure.problems.items():
            rows.setdefault((peer, reason), []).append(figure.name)
    lines = [f"* {NAMES[peer]} {reason} ({', '.join(names)})" for (peer, reason), names in rows.items()]
    return ["", *lines] if lines else []


def _facts(figure: Figure) -> dict[str, Any]:
    peers = _peers([figure])
    return {
        "name": figure.name,
        "title": figure.title,
        "unit": figure.unit,
        "higher_is_better": figure.higher_is_better,
        "median": {peer: figure.value(peer) for peer in peers},
        "rounds": {peer: list(values) for peer, values in figure.rounds.items()},
        "ratio": {peer: figure.ratio(peer) for peer in peers if peer != "ours"},
        "goal": figure.goal,
        "reached": figure.reached,
        "problems": dict(figure.problems),
    }
