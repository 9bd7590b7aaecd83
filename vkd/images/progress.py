"""How the work on an image reports itself and is given up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

Phase = Literal["wait", "index", "download", "unpack", "build"]


@dataclass(frozen=True, slots=True)
class Progress:
    """A step of the work: `done` of `total` bytes of `file`; `total` is 0 when it is not known."""

    phase: Phase
    file: str
    done: int = 0
    total: int = 0


def _ignore(_: Progress) -> None:
    pass


def _go_on() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Watcher:
    """What a worker calls: `report` with each step, and `check`, which raises when the work is to be given up."""

    report: Callable[[Progress], None] = field(default=_ignore)
    check: Callable[[], None] = field(default=_go_on)
