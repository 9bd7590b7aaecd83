"""What commands print: tables without lines, JSON, and text that cannot take over a terminal."""

import sys
import time
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import click
import msgspec

_SAFE = {code: 0xFFFD for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"}
_STEP = 1024
_DAY = 24 * 3600


def emit_json(value: object) -> None:
    """Print `value` as indented JSON."""
    click.echo(msgspec.json.format(msgspec.json.encode(value)).decode())


def emit_json_line(value: object) -> None:
    """Print `value` as one line of JSON, at once."""
    click.echo(msgspec.json.encode(value).decode())
    sys.stdout.flush()


def emit_table(head: Sequence[str], rows: Iterable[Sequence[Any]], rare: Collection[str] = ()) -> None:
    """Print aligned columns; a column that is empty in all rows is left out, and so is one of `rare` without rows."""
    cells = [[printable("" if cell is None else str(cell)) for cell in row] for row in rows]
    used = [at for at in range(len(head)) if (any(row[at] for row in cells) if cells else head[at] not in rare)]
    lines = [list(head), *cells]
    widths = {at: max(len(line[at]) for line in lines) for at in used}
    for line in lines:
        click.echo("  ".join((line[at] or "-").ljust(widths[at]) for at in used).rstrip())


def fitting(
    head: Sequence[str], rows: Sequence[Sequence[str]], width: int, spare: Sequence[str], least: int = 7
) -> list[int]:
    """Return which columns fit into `width` characters: without the first of `spare`, as many as it takes.

    Columns count as at least `least` wide, so that they do not come and go with their numbers.
    """
    widths = [max(least, *(len(line[at]) for line in (head, *rows))) for at in range(len(head))]
    kept = list(range(len(head)))
    for name in spare:
        if sum(widths[at] + 2 for at in kept) - 2 <= width:
            break
        kept.remove(head.index(name))
    return kept


def printable(text: str) -> str:
    """Return `text`, which may come from a guest, without control characters other than line ends and tabs."""
    return text.replace("\r\n", "\n").translate(_SAFE)


def human_size(size: int) -> str:
    """Return bytes as people read them."""
    value, units = float(size), ["B", "KiB", "MiB", "GiB", "TiB"]
    while value >= _STEP and len(units) > 1:
        value /= _STEP
        units.pop(0)
    return (
        f"{value:.0f} {units[0]}" if value >= 10 or units[0] == "B" or value.is_integer() else f"{value:.1f} {units[0]}"
    )


def human_time(seconds: float) -> str:
    """Return a span of time as people read it."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    if whole < _DAY:
        return f"{whole // 3600}h{whole % 3600 // 60:02}m"
    return f"{whole // _DAY}d{whole % _DAY // 3600:02}h"


def clock(moment: float) -> str:
    """Return a moment (seconds since the epoch) as local time."""
    return time.strftime("%H:%M:%S", time.localtime(moment))
