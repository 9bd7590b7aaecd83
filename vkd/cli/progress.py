"""How a command shows what the daemon reports: a board of guests (pure), and plain lines of it.

The board is drawn on terminals by :mod:`vkd.cli.live`; elsewhere each event that matters is a line.
"""

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

import click

from vkd.api import STAGES, Event, Row, Stage, State
from vkd.cli.output import human_size, printable
from vkd.errors import VkdError

#: A transfer says how far it is every so often, seconds.
_INTERVAL = 5.0


@dataclass
class Transfer:
    """A download or build step under way; sizes in bytes."""

    what: str
    done: int = 0
    total: int | None = None

    @property
    def ended(self) -> bool:
        """Whether all of it is there."""
        return self.total is not None and self.done >= self.total

    @property
    def text(self) -> str:
        """How far it is."""
        if self.total:
            return f"{self.what}: {human_size(self.done)} of {human_size(self.total)}"
        return f"{self.what}: {human_size(self.done)}" if self.done else self.what


@dataclass
class Guest:
    """A guest as the events so far tell. Times are seconds since the first event of the board."""

    name: str
    state: State = "starting"
    reached: dict[Stage, float] = field(default_factory=dict)
    since: float = 0.0
    reason: str | None = None
    detail: str | None = None

    @property
    def stage(self) -> Stage:
        """The last stage reached."""
        return next((stage for stage in reversed(STAGES) if stage in self.reached), "")


@dataclass
class Board:
    """All guests, by cluster and name, and the transfer under way. `order` is that of the cluster file, if known."""

    guests: dict[tuple[str, str], Guest] = field(default_factory=dict)
    transfer: Transfer | None = None
    began: float | None = None
    now: float = 0.0
    order: list[str] = field(default_factory=list)

    def rows(self) -> list[Guest]:
        """Return the guests, those of `order` first."""
        places = {name: at for at, name in enumerate(self.order)}
        return sorted(self.guests.values(), key=lambda guest: places.get(guest.name, len(places)))

    def feed(self, event: Event) -> Guest | None:
        """Take an event in; return the guest that it is about."""
        if self.began is None:
            self.began = event.time
        self.now = max(self.now, event.time - self.began)
        if event.kind == "progress":
            self.transfer = Transfer(event.what or "", event.done or 0, event.total)
            return None
        if event.guest is None:
            return None
        key = (event.cluster or "", event.guest)
        guest = self.guests.setdefault(key, Guest(event.guest))
        if event.kind == "stage" and event.stage:
            guest.reached.setdefault(event.stage, self.now)
        elif event.kind == "state" and event.state:
            if event.state == "starting":
                guest.reached.clear()
            guest.state, guest.since = event.state, self.now
            guest.reason, guest.detail = event.reason, event.detail
        return guest


class View(Protocol):
    """Something that shows events."""

    board: Board

    def show(self, event: Event) -> None:
        """Take an event."""

    def close(self) -> None:
        """Free the terminal; may be called again."""


def open_view(*, quiet: bool = False) -> View:
    """Return the view that suits standard output: a screen on a terminal, lines elsewhere, nothing with `quiet`."""
    if quiet or not sys.stdout.isatty():
        return Lines(quiet=quiet)
    from vkd.cli.live import Screen  # noqa: PLC0415 - rich is slow to import, and of use on a terminal only

    return Screen()


class Lines:
    """Shows events as lines, for everything that is not a terminal; with `quiet` it only keeps the board."""

    def __init__(self, *, quiet: bool = False, clusters: bool = False) -> None:
        """With `clusters`, guests are named with the cluster that they are of."""
        self.board = Board()
        self._clusters = clusters
        self._quiet = quiet
        self._shown: dict[str, float] = {}

    def show(self, event: Event) -> None:
        """Take an event and print it if it is news."""
        guest = self.board.feed(event)
        text = self._text(event)
        if text and not self._quiet:
            name = f"{event.cluster}/{event.guest}" if self._clusters else event.guest
            click.echo(printable(f"{name}: {text}" if guest else text))

    def close(self) -> None:
        """End; there is nothing to clean up."""

    def _text(self, event: Event) -> str | None:
        at = f" ({self.board.now:.1f} s)"
        if event.kind == "stage":
            return f"{event.stage}{at}"
        if event.kind == "state":
            return f"{event.state}{at}" + (f": {event.reason}" if event.reason else "")
        if event.kind == "log":
            return event.message
        transfer = self.board.transfer
        if transfer is None:
            return None
        last = self._shown.get(transfer.what)
        if last is None or transfer.ended or event.time - last >= _INTERVAL:
            self._shown[transfer.what] = float("inf") if transfer.ended else event.time
            return transfer.text if last != float("inf") else None
        return None


def failures(rows: Iterable[Row], board: Board) -> None:
    """Raise `VkdError` if a guest has failed; its reason, and the console's tail if an event brought it."""
    failed = [row for row in rows if row.state == "failed"]
    if not failed:
        return
    parts = []
    for row in failed:
        guest = board.guests.get((row.cluster, row.name))
        reason = row.reason or (guest.reason if guest else None) or "no reason given"
        parts.append(f"guest {row.name} failed: {printable(reason)}")
        if guest and guest.detail:
            parts += [f"  | {line}" for line in printable(guest.detail).rstrip().splitlines()]
    raise GuestsFailedError("\n".join(parts), hint=f"vkd logs {failed[0].name}; vkd start {failed[0].name} tries again")


class GuestsFailedError(VkdError):
    """Guests did not become ready."""
