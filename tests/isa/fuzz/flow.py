"""Random steps that jump, call, and change code."""

from __future__ import annotations

from random import Random

from tests.isa.fuzz import encodings
from tests.isa.fuzz.case import (
    CALLEE,
    CODE_ZOO,
    LINKED_BY,
    ROUTINE,
    TARGET,
    TARGETS,
    ZOO,
    ZOO_PAGES,
    Step,
)
from tests.isa.fuzz.steps import REGISTERS, destination, register, source

BRANCHES = ("beq", "bne", "blt", "bge", "bltu", "bgeu")
NOP = 0x00000013


def jump(rng: Random) -> Step:
    """Draw a branch or jump over some of the steps that follow."""
    ahead = rng.randrange(4)
    match rng.randrange(8):
        case 0 | 1:
            return Step((f"jal {destination(rng)}, {TARGET}",), ahead)
        case 2:
            base = register(rng)
            return Step((f"la {base}, {TARGET} - 7", f"jalr {destination(rng)}, 7({base})"), ahead)
        case 3:
            return _table(rng)
        case _:
            return Step((f"{rng.choice(BRANCHES)} {source(rng)}, {source(rng)}, {TARGET}",), ahead)


def _table(rng: Random) -> Step:
    """Draw a jump to one of four steps, by a table."""
    base, offset = (f"x{n}" for n in rng.sample(REGISTERS, 2))
    index = (f"la {base}, 9f", f"andi {offset}, {source(rng)}, {TARGETS - 1}", f"sh2add {offset}, {offset}, {base}")
    go = (f"lw {offset}, 0({offset})", f"add {base}, {base}, {offset}", f"jalr {destination(rng)}, 0({base})")
    entries = tuple(f".4byte {{target+{n}}} - 9b" for n in range(TARGETS))
    return Step((*index, *go, ".balign 4", "9:", *entries), rng.randrange(2))


def loop(rng: Random) -> Step:
    """Draw the start of a loop over some of the steps that follow."""
    return Step((), rng.randrange(1, 8), turns=rng.choice([1, 2, 5, 20, 40]))


def call_routine(rng: Random, routines: range) -> Step:
    """Draw a call of one of the routines."""
    routine = rng.choice(routines)
    link = f"x{LINKED_BY[routine]}"
    if rng.randrange(3):
        return Step((f"jal {link}, {ROUTINE}",), routine=routine)
    base = register(rng)
    return Step((f"la {base}, {ROUTINE}", f"jalr {link}, 0({base})"), routine=routine)


def call_page(rng: Random) -> Step:
    """Draw a call of code in one of the pages with all kinds of permissions, or of an instruction that lies in two."""
    base = register(rng)
    where = rng.choice([ZOO + CALLEE, CODE_ZOO + 4094]) + rng.randrange(ZOO_PAGES - 1) * 4096
    return Step((f"li {base}, {where:#x}", f"jalr x1, 0({base})"))


def overlap(rng: Random) -> Step:
    """Draw a branch into the middle of an instruction, which is one of its own."""
    word = encodings.compressed(rng) << 16 | rng.getrandbits(4) << 12 | rng.choice(REGISTERS) << 7 | 0x37
    branch = f"{rng.choice(BRANCHES)} {source(rng)}, {source(rng)}, 9f + 2"
    return Step((branch, f"9: .4byte {word:#010x}"))


def crossing(rng: Random) -> Step:
    """Draw an instruction that begins in the last two bytes of a page."""
    return Step(("j 9f", ".balign 4096", ".skip 4094", f"9: .4byte {encodings.word(rng):#010x}"))


def _addi(rng: Random) -> int:
    """Draw an addition. Its exclusive or with others, and `NOP`, is one that writes no reserved register either."""
    rd, a = rng.choice([0, 3, 4, 7, 16, 19, 20, 23]), rng.choice(REGISTERS)
    return rng.getrandbits(12) << 20 | a << 15 | rd << 7 | 0x13


def patch(rng: Random) -> Step:
    """Draw code that writes the instruction after its fence.i, another one each time."""
    return _patch(rng, "9f", (".balign 4", f"9: .4byte {NOP:#x}"), None)


def patch_routine(rng: Random, routines: range) -> Step:
    """Draw code that changes the first instruction of a routine, to and fro, and calls it."""
    routine = rng.choice(routines)
    return _patch(rng, f"{ROUTINE}_p", (f"jal x{LINKED_BY[routine]}, {ROUTINE}",), routine)


def _patch(rng: Random, where: str, behind: tuple[str, ...], routine: int | None) -> Step:
    base, value, new = (f"x{n}" for n in rng.sample(REGISTERS, 3))
    change = (f"la {base}, {where}", f"lwu {value}, 0({base})", f"li {new}, {_addi(rng) ^ NOP:#x}")
    store = (f"xor {value}, {value}, {new}", f"sw {value}, 0({base})", "fence.i")
    return Step((*change, *store, *behind), routine=routine)
