"""Values at which arithmetic goes wrong."""

from __future__ import annotations

from random import Random

WORD = (1 << 64) - 1

INTEGERS = [
    *(0, 1, 2, 3, 31, 32, 63, 64, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF),
    *(0x100000000, 0x7FFFFFFFFFFFFFFF, 0x8000000000000000, 0x8000000000000001, WORD, WORD - 1, WORD << 31 & WORD),
    *(0x5555555555555555, 0xAAAAAAAAAAAAAAAA, 0x0123456789ABCDEF, 0xFFFFFFFF00000000, 0xFFFFFFFF7FFFFFFF),
]

DOUBLES = [
    *(0x0, 0x1, 0x2, 0xFFFFFFFFFFFFF, 0x10000000000000, 0x10000000000001, 0x3FE0000000000000, 0x3FEFFFFFFFFFFFFF),
    *(0x3FF0000000000000, 0x3FF0000000000001, 0x3FF8000000000000, 0x4000000000000000, 0x4008000000000000),
    *(0x7FEFFFFFFFFFFFFF, 0x7FF0000000000000, 0x7FF0000000000001, 0x7FF8000000000000, 0x7FF8000000001234),
    *(0x3FDFFFFFFFFFFFFF, 0x41DFFFFFFFC00000, 0x41E0000000000000, 0x41EFFFFFFFE00000, 0x41F0000000000000),
    *(0x43DFFFFFFFFFFFFF, 0x43E0000000000000, 0x43EFFFFFFFFFFFFF, 0x43F0000000000000, 0x380FFFFFE0000000),
    *(0x36A0000000000000, 0x3690000000000000, 0x47EFFFFFE0000000, 0x47EFFFFFF0000000, 0x3CA0000000000000),
]

SINGLES = [
    *(0x0, 0x1, 0x2, 0x7FFFFF, 0x800000, 0x800001, 0x3F000000, 0x3F7FFFFF, 0x3F800000, 0x3F800001, 0x3FC00000),
    *(0x40000000, 0x40400000, 0x7F7FFFFF, 0x7F800000, 0x7F800001, 0x7FC00000, 0x7FC01234, 0x3EFFFFFF, 0x4EFFFFFF),
    *(0x4F000000, 0x4F7FFFFF, 0x4F800000, 0x5EFFFFFF, 0x5F000000, 0x5F7FFFFF, 0x5F800000, 0x33800000),
]


def integer(rng: Random) -> int:
    """Draw a 64-bit value, often from the edges."""
    kind = rng.randrange(6)
    if kind < 3:
        return rng.choice(INTEGERS)
    if kind == 3:
        return rng.getrandbits(64) >> rng.randrange(64)
    if kind == 4:
        return -(rng.getrandbits(64) >> rng.randrange(64)) & WORD
    return rng.getrandbits(64)


def _floating(rng: Random, edges: list[int], exponent: int, fraction: int) -> int:
    sign = rng.getrandbits(1) << (exponent + fraction)
    kind = rng.randrange(5)
    if kind < 2:
        return sign | rng.choice(edges)
    if kind == 2:
        return (sign | rng.choice(edges) + rng.randrange(-3, 4)) & ((1 << (1 + exponent + fraction)) - 1)
    bias = (1 << (exponent - 1)) - 1
    stored = bias + rng.randrange(-8, 9) if kind == 3 else rng.getrandbits(exponent)
    return sign | stored << fraction | rng.getrandbits(fraction) & (-1 << rng.randrange(fraction + 1))


def floating(rng: Random) -> int:
    """Draw the contents of a floating-point register: a double, a boxed single, or a single that is not boxed."""
    kind = rng.randrange(16)
    if kind < 8:
        return _floating(rng, DOUBLES, 11, 52)
    single = _floating(rng, SINGLES, 8, 23)
    return single if kind == 15 else 0xFFFFFFFF00000000 | single
