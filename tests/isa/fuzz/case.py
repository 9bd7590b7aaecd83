"""What a case is: a start state and a list of steps."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

TARGET = "{target}"
"""Stands in a step's lines for the label of the step it jumps to; `{target+1}` and so on for those behind it."""
TARGETS = 4
ROUTINE = "{routine}"
"""Stands in a call for the label of the routine. Where it patches itself is that label with `_p` behind it."""

SCRATCH_SIZE = 1536
SP_OFFSET = 512
S0_OFFSET = 768
BASES = (2, 8)
"""Registers that always point into scratch memory, so that loads, stores and compressed forms have a base."""
LINKS = (24, 25)
"""Hold the return address of each routine while it is executed."""
LINKED_BY = (1, 5)
"""What the calls of each routine link by."""
COUNTERS = (26, 27)
"""Count the turns of a loop, and of a loop in it."""
RESERVED = (*BASES, *LINKS, *COUNTERS)
"""What no random instruction writes."""

ZOO = 0x40000000
ZOO_PAGES = 16
"""With Sv39: pages at this address that map one page with all kinds of permissions."""
CODE_ZOO = ZOO + ZOO_PAGES * 4096
"""Behind them: as many with the same permissions, of code. An instruction begins in the last two bytes of each."""
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
    """A few lines of assembly that belong together; `ahead` is how many steps a jump in them skips.

    With `turns`, they begin a loop over the `ahead` steps that follow. With `routine`, they call that one.
    """

    lines: tuple[str, ...]
    ahead: int = 0
    turns: int = 0
    routine: int | None = None


@dataclass(frozen=True)
class Case:
    """A start state and the steps to execute from it. `x` does not count where it is reserved.

    A step may call the routines, a routine those behind it.
    """

    steps: tuple[Step, ...]
    routines: tuple[tuple[Step, ...], ...]
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
