"""What a case is: a start state and a list of steps."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

TARGET = "{target}"
"""Stands in a step's lines for the label of the step it jumps to."""

SCRATCH_SIZE = 1536
SP_OFFSET = 512
S0_OFFSET = 768
RESERVED = (2, 8)
"""Registers that always point into scratch memory, so that loads, stores and compressed forms have a base."""

ZOO = 0x40000000
ZOO_PAGES = 16
"""With Sv39: pages at this address that map one page with all kinds of permissions."""
GLOBAL_PAGES = 8
"""Only the first ones are ever global: a fence of one address space need not reach those."""
CALLEE = 2048
"""Offset in the page of a subroutine."""
ATOMIC_PAGES = 4
"""Atomics go to the first ones only: whether one that is refused sets the accessed bit is open."""


class Paging(IntEnum):
    """Address translation for a case in S-mode or U-mode."""

    BARE = 0
    SV39 = 1
    SV48 = 3


class Mode(IntEnum):
    """Privilege in which a case runs."""

    U = 0
    S = 1
    M = 3


@dataclass(frozen=True)
class Step:
    """A few lines of assembly that belong together; `ahead` is how many steps a jump in them skips."""

    lines: tuple[str, ...]
    ahead: int = 0


@dataclass(frozen=True)
class Case:
    """A start state and the steps to execute from it. `x[2]` and `x[8]` do not count: they point into scratch."""

    steps: tuple[Step, ...]
    x: tuple[int, ...]
    f: tuple[int, ...]
    fcsr: int
    mode: Mode
    status: int
    """`mstatus` without MPP."""
    paging: Paging
    envcfg: int
    counteren: int
    entries: tuple[int, ...]
    """Low ten (or reserved upper) bits of the zoo's page-table entries."""
    rounds: int
    """How often the steps are executed, each time from the state that the last left."""
    tick: int
    """Ticks between timer interrupts, which must leave no trace; 0 for none."""
    compressed: bool
    """Whether the assembler may use compressed forms."""
