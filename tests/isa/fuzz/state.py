"""The state that a case leaves, as `runtime.S` writes it."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from tests.isa.fuzz.case import ATOMIC_PAGES, SCRATCH_SIZE, ZOO_PAGES

LOG_ENTRIES = 32
ILLEGAL = 2
PTE_A = 1 << 6
STATUS_FS = 3 << 13
STATUS_DIRTY = STATUS_FS | 1 << 63
ATOMIC_ENTRIES = frozenset(f"entry of page {n}" for n in range(ATOMIC_PAGES))
CSRS = ("mstatus", "fcsr", "sscratch", "scause", "stval", "scounteren", "senvcfg", "reserved")
_WORDS = 32 + 32 + len(CSRS) + 1 + LOG_ENTRIES * 3
SIZE = _WORDS * 8 + SCRATCH_SIZE + ZOO_PAGES * 8 + 2 * 64


@dataclass(frozen=True)
class State:
    """Every value by its name: registers, CSRs, the trap log, memory in doublewords."""

    values: dict[str, int]

    def differences(self, other: State) -> list[str]:
        """Say which values differ, one line each, ours (`self`) first."""
        return [
            f"{name}: {value:#x}, want {other.values[name]:#x}"
            for name, value in self.values.items()
            if value != other.values[name] and not self._is_free(name, other)
        ]

    def _is_free(self, name: str, other: State) -> bool:
        """Tell whether the specification lets the two differ in this value."""
        ours, theirs = self.values[name], other.values[name]
        if name in ATOMIC_ENTRIES:
            return ours | PTE_A == theirs | PTE_A
        if name == "mstatus":
            # Dirty or not is a matter of how closely a machine looks; off is off.
            return ours | STATUS_DIRTY == theirs | STATUS_DIRTY and (ours & STATUS_FS == 0) == (theirs & STATUS_FS == 0)
        trap = name.removesuffix(" value")
        if trap == name or self.values[f"{trap} cause"] != ILLEGAL:
            return False
        return 0 in (ours, theirs)  # the value of an illegal instruction may be its bits


def parse(record: bytes) -> State:
    """Read one record of `SIZE` bytes."""
    words = struct.unpack(f"<{SIZE // 8}Q", record)
    names = [f"x{n}" for n in range(32)] + [f"f{n}" for n in range(32)] + list(CSRS) + ["traps"]
    names += [f"trap {n} {field}" for n in range(LOG_ENTRIES) for field in ("cause", "pc", "value")]
    names += [f"scratch+{n * 8:#x}" for n in range(SCRATCH_SIZE // 8)]
    names += [f"entry of page {n}" for n in range(ZOO_PAGES)]
    names += [f"page+{n * 8:#x}" for n in (*range(8), *range(504, 512))]
    return State(dict(zip(names, words, strict=True)))


def parse_all(output: bytes) -> list[State]:
    """Read the records that are there; what follows the last whole one is left alone."""
    return [parse(output[at : at + SIZE]) for at in range(0, len(output) - SIZE + 1, SIZE)]
