"""Random instruction bits that can do no harm whatever they mean."""

from __future__ import annotations

from random import Random

from tests.isa.fuzz.case import BASES, RESERVED

ARITHMETIC = (0x33, 0x3B, 0x13, 0x1B, 0x53, 0x53, 0x43, 0x47, 0x4B, 0x4F)
NOWHERE = (0x0B, 0x2B, 0x5B, 0x7B, 0x57, 0x77, 0x6B, 0x1F, 0x3F, 0x7F)
"""Opcodes without any instruction of ours."""


def _field(value: int, low: int, width: int) -> int:
    return (value & ((1 << width) - 1)) << low


def _rd(rng: Random) -> int:
    return rng.choice([n for n in range(32) if n not in RESERVED])


def reserved(rng: Random) -> int:
    """Draw a word that is no instruction."""
    word = rng.getrandbits(25) << 7 | rng.choice(NOWHERE)
    return rng.choice([word, 0xFFFFFFFF, 0x00004073, word])


def word(rng: Random) -> int:
    """Draw a 32-bit encoding that writes no reserved register and no memory but scratch."""
    rd, rest = _rd(rng), rng.getrandbits(20)
    match rng.randrange(8):
        case 0:  # loads of any width; the base is sp or s0
            opcode, offset = rng.choice([0x03, 0x07]), rng.randrange(-512, 480)
            fields = _field(offset, 20, 12) | _field(rng.choice(BASES), 15, 5)
            return fields | _field(rest, 12, 3) | rd << 7 | opcode
        case 1:  # stores
            opcode, offset = rng.choice([0x23, 0x27]), rng.randrange(-512, 480)
            fields = _field(offset >> 5, 25, 7) | _field(rest, 20, 5) | _field(rng.choice(BASES), 15, 5)
            return fields | _field(rest >> 5, 12, 3) | _field(offset, 7, 5) | opcode
        case 2:  # atomics other than the reservations
            function = rng.choice([n for n in range(32) if n not in (2, 3)])
            fields = function << 27 | _field(rest, 25, 2) | _field(rest >> 2, 20, 5) | rng.choice(BASES) << 15
            return fields | rng.choice([2, 3, 2, 3, rng.randrange(8)]) << 12 | rd << 7 | 0x2F
        case 3:  # fences, but no cache-block operation
            return _field(rest, 15, 17) | rng.choice([0, 1, 3, 4, 5, 6, 7]) << 12 | rd << 7 | 0x0F
        case 4:  # few bits from a legal operation
            function = rng.choice([0x00, 0x20, 0x01, 0x04, 0x05, 0x07, 0x10, 0x14, 0x24, 0x30, 0x34])
            return function << 25 | _field(rest, 12, 13) | rd << 7 | rng.choice([0x33, 0x3B, 0x13, 0x1B])
        case 5:  # floating point with a valid format
            function = rng.choice([0, 4, 8, 12, 16, 20, 0x20, 0x2C, 0x50, 0x60, 0x68, 0x70, 0x78]) | rng.randrange(2)
            second = rng.choice([0, 1, 2, 3, rng.randrange(32)])
            return function << 25 | second << 20 | _field(rest, 12, 8) | rd << 7 | 0x53
        case _:
            return rest << 12 | rd << 7 | rng.choice(ARITHMETIC)


def compressed(rng: Random) -> int:
    """Draw a 16-bit encoding that neither jumps nor leaves scratch memory nor writes a reserved register."""
    while True:
        half = rng.getrandbits(16)
        if half & 3 != 3 and _harmless(half):
            return half


def _harmless(half: int) -> bool:
    quadrant, function = half & 3, half >> 13
    rd, rd_short, base = half >> 7 & 31, (half >> 2 & 7) + 8, (half >> 7 & 7) + 8
    if quadrant == 0:
        if function == 0:
            return rd_short not in RESERVED
        loads = function in (2, 3)
        return base == 8 and not (loads and rd_short in RESERVED)
    if quadrant == 1:
        if function == 4:
            return base not in RESERVED
        return function < 4 and rd not in RESERVED
    if function == 4:
        is_jump = half >> 2 & 31 == 0 and rd != 0
        return not is_jump and rd not in RESERVED
    writes = function in (0, 2, 3)
    return not (writes and rd in RESERVED)
