"""The board of guests on a terminal, redrawn in place. Imports rich, so it is imported only where it draws."""

import time

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from vkd.api import STAGES, Event
from vkd.cli.output import printable
from vkd.cli.progress import Board, Guest

_COLOURS = {"ready": "green", "failed": "red", "backoff": "yellow", "stopped": "dim", "stopping": "yellow"}


class Screen:
    """Shows events like :class:`~vkd.cli.progress.Lines`, on a terminal."""

    def __init__(self, console: Console | None = None) -> None:
        self.board = Board()
        self._began = time.monotonic()
        self._console = console or Console(highlight=False)
        self._live = Live(
            get_renderable=self._draw,
            console=self._console,
            refresh_per_second=8,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()

    def show(self, event: Event) -> None:
        """Take an event; what it changes shows with the next refresh."""
        self.board.feed(event)
        if event.kind == "log" and event.message:
            self._live.console.print(printable(event.message), markup=False)

    def close(self) -> None:
        """Leave the last picture on the screen and free the terminal."""
        self.board.transfer = None
        self._live.stop()

    def _draw(self) -> RenderableType:
        parts: list[RenderableType] = [self._guests()]
        transfer = self.board.transfer
        if transfer is not None and not transfer.ended:
            line = Table.grid(padding=(0, 1))
            line.add_row(Text(f"  {printable(transfer.text)}"), ProgressBar(transfer.total, transfer.done, width=30))
            parts.append(line)
        return Group(*parts)

    def _guests(self) -> Table:
        table = Table.grid(padding=(0, 2))
        table.add_column()
        for stage in STAGES:
            table.add_column(min_width=len(f"{stage} 10.0s"))
        table.add_column()
        for guest in self.board.rows():
            table.add_row(Text(guest.name, style="bold"), *self._stages(guest), self._end(guest))
        return table

    def _stages(self, guest: Guest) -> list[Text]:
        # The stage after the last one reached is the one that is waited for.
        reached = [at for at, stage in enumerate(STAGES) if stage in guest.reached]
        waiting = (reached[-1] + 1 if reached else 0) if guest.state == "starting" else len(STAGES)
        cells = []
        for at, stage in enumerate(STAGES):
            if stage in guest.reached:
                cells.append(Text(f"{stage} {guest.reached[stage]:.1f}s", style="green"))
            else:
                cells.append(Text(f"{stage}…" if at == waiting else stage, style="yellow" if at == waiting else "dim"))
        return cells

    def _end(self, guest: Guest) -> Text:
        seconds = time.monotonic() - self._began if guest.state == "starting" else guest.since
        text = f"{guest.state} {seconds:.1f}s" + (f": {printable(guest.reason)}" if guest.reason else "")
        return Text(text, style=_COLOURS.get(guest.state, ""))
