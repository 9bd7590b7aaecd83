"""Making a failing case small. Pure but for the `compare` that is passed in, which runs a whole batch at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from tests.isa.fuzz.case import Case

Registers = tuple[int, ...]
Compare = Callable[[Sequence[Case]], Sequence[Sequence[str] | None]]
"""Gives each case's differences; without any, or with `None`, a case does not fail."""


def _first_failing(cases: Sequence[Case], compare: Compare) -> Case | None:
    if not cases:
        return None
    verdicts = compare(cases)
    return next((case for case, differences in zip(cases, verdicts, strict=True) if differences), None)


def minimize(case: Case, compare: Compare) -> Case:
    """Give a case that still fails, with no step that could be left out alone and few registers set.

    Gives `case` itself when it does not fail on its own.
    """
    prefixes = [replace(case, steps=case.steps[:length]) for length in range(1, len(case.steps) + 1)]
    small = _first_failing(prefixes, compare)
    if small is None:
        return case
    simpler = [replace(small, rounds=1, tick=0), replace(small, tick=0), replace(small, rounds=1)]
    small = _first_failing(simpler, compare) or small
    chunk = max(1, len(small.steps) // 2)
    while chunk:
        cuts = range(0, len(small.steps), chunk)
        without = [replace(small, steps=small.steps[:at] + small.steps[at + chunk :]) for at in cuts]
        smaller = _first_failing([shorter for shorter in without if shorter.steps], compare)
        if smaller is None:
            chunk //= 2
        else:
            small = smaller
    for number in range(len(small.routines)):
        emptied = tuple(() if n == number else steps for n, steps in enumerate(small.routines))
        small = _first_failing([replace(small, routines=emptied)], compare) or small
    small = _clear(small, small.x, lambda case, values: replace(case, x=values), compare)
    return _clear(small, small.f, lambda case, values: replace(case, f=values), compare)


def _clear(case: Case, values: Registers, put: Callable[[Case, Registers], Case], compare: Compare) -> Case:
    """Set to zero each of the registers `values`, which `put` replaces, that the failure does not need."""
    cleared = [put(case, (*values[:n], 0, *values[n + 1 :])) for n in range(32)]
    needed = [bool(differences) for differences in compare(cleared)]
    trimmed = put(case, tuple(0 if fails else value for fails, value in zip(needed, values, strict=True)))
    return _first_failing([trimmed], compare) or case
