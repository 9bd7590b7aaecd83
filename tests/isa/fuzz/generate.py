"""Random cases. Pure: a case depends on the random source alone."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.isa.fuzz import flow, operands, steps
from tests.isa.fuzz.case import GLOBAL_PAGES, LINKS, ZOO_PAGES, Case, Mode, Paging, Step

Maker = Callable[[Random], Step]

ATOMIC = (steps.atomic_op, 5)
KINDS: list[tuple[Maker, int]] = [
    (steps.integer_op, 24),
    (steps.memory_op, 14),
    ATOMIC,
    (flow.jump, 8),
    (steps.floating_op, 28),
    (steps.csr_op, 6),
    (steps.trap_op, 4),
    (steps.encoding, 12),
    (flow.patch, 2),
    (flow.overlap, 2),
]
WHOLE: list[tuple[Maker, int]] = [(flow.loop, 5), (flow.crossing, 1)]
"""For the program itself only: loops in routines would use the registers that count the caller's."""
PAGED: list[tuple[Maker, int]] = [(steps.zoo_op, 12), (steps.zoo_run, 5), (flow.call_page, 4)]
ROUTINES = len(LINKS)


def case(rng: Random, length: int = 60) -> Case:
    """Draw a case of `length` steps."""
    mode = rng.choice(list(Mode))
    paging = rng.choice([Paging.BARE, Paging.SV39, Paging.SV48]) if mode is not Mode.M else Paging.BARE
    kinds = [*KINDS, *PAGED] if paging else list(KINDS)
    if paging and mode is Mode.S:
        kinds.append((steps.entry_op, 5))
    # An interrupt may take a reservation away.
    tick = rng.choice([0, 50, 200, 1000]) if mode is not Mode.M else 0
    if tick:
        kinds.remove(ATOMIC)
    status = rng.choice([3, 3, 3, 1, 1, 0]) << 13 | rng.getrandbits(2) << 18
    return Case(
        steps=_steps(rng, [*kinds, *WHOLE], length, 0),
        routines=tuple(_steps(rng, kinds, rng.randrange(8), number + 1) for number in range(ROUTINES)),
        x=tuple(operands.integer(rng) for _ in range(32)),
        f=tuple(operands.floating(rng) for _ in range(32)),
        fcsr=rng.choice([0, 0, 1, 2, 3, 4, 4, 5, 7]) << 5 | rng.choice([0, rng.getrandbits(5)]),
        mode=mode,
        status=status if rng.randrange(4) else 3 << 13,
        paging=paging,
        envcfg=rng.choice([0, 0xD0, 0xD0, 0x90, 0x40, 0x80]) | rng.getrandbits(1) << 61,
        counteren=rng.choice([0, 7, rng.getrandbits(3)]),
        entries=tuple(_entry(rng, page < GLOBAL_PAGES) for page in range(ZOO_PAGES)),
        rounds=rng.choice([1, 1, 2, 5, 60]),
        tick=tick,
        compressed=rng.randrange(3) > 0,
    )


def _steps(rng: Random, kinds: list[tuple[Maker, int]], length: int, callable_from: int) -> tuple[Step, ...]:
    routines = range(callable_from, ROUTINES)
    if routines:
        calls: tuple[Maker, Maker] = (
            lambda rng: flow.call_routine(rng, routines),
            lambda rng: flow.patch_routine(rng, routines),
        )
        kinds = [*kinds, (calls[0], 4), (calls[1], 2)]
    makers = rng.choices([kind for kind, _ in kinds], [weight for _, weight in kinds], k=length)
    return tuple(maker(rng) for maker in makers)


def _entry(rng: Random, may_be_global: bool) -> int:
    kind = rng.randrange(8)
    if kind == 0:
        bits = rng.getrandbits(10)
    else:
        bits = 1 | rng.choice([2, 6, 6, 6, 10, 14, 8, 4, 12]) | rng.getrandbits(2) << 4
        bits |= rng.choice([0xC0, 0xC0, 0x40, 0, 0x80])
    if kind == 1:
        bits |= 1 << rng.choice([54, 60, 61, 62, 63])
    return bits if may_be_global else bits & ~0x20
