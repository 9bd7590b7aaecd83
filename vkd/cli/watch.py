"""A table on a terminal that is redrawn in place. Imports rich, so it is imported only where it draws."""

from collections.abc import Iterable, Sequence

from rich.live import Live
from rich.table import Table
from rich.text import Text

from vkd.cli.output import fitting, printable


def watch(head: Sequence[str], tables: Iterable[list[Sequence[str]]], spare: Sequence[str] = ()) -> None:
    """Show each table in the place of the one before, until there are no more or Ctrl-C.

    Where the terminal is too narrow, columns of `spare` are left out, the first of them first.
    """
    with Live(auto_refresh=False, redirect_stdout=False, redirect_stderr=False) as live:
        live.update(Text("reading ..."), refresh=True)
        for rows in tables:
            kept = fitting(head, rows, live.console.width, spare)
            names = [head[at] for at in kept]
            live.update(_draw(names, [[row[at] for at in kept] for row in rows]), refresh=True)


def _draw(head: Sequence[str], rows: list[Sequence[str]]) -> Table:
    table = Table.grid(padding=(0, 2))
    for name in head:
        table.add_column(justify="left" if name in {"CLUSTER", "NAME"} else "right", no_wrap=True)
    table.add_row(*(Text(name, style="bold") for name in head))
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    return table
