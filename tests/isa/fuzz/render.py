"""A batch of cases as one assembly program."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

from tests.isa.fuzz.case import S0_OFFSET, SCRATCH_SIZE, SP_OFFSET, TARGET, Case, Mode, Paging

RUNTIME = Path(__file__).parent / "runtime.S"


def body(case: Case, prefix: str) -> list[str]:
    """Give the lines of a case, labels beginning with `prefix`."""
    count = len(case.steps)
    lines = []
    for index, step in enumerate(case.steps):
        target = f"{prefix}_{min(index + 1 + step.ahead, count)}"
        lines.append(f"{prefix}_{index}:")
        lines += [line.replace(TARGET, target) for line in step.lines]
    return [*lines, f"{prefix}_{count}:", "ecall"]


def program(cases: Sequence[Case]) -> str:
    """Give the whole program."""
    lines = [f'#include "{RUNTIME}"', ".text", ".option norelax"]
    for number, case in enumerate(cases):
        lines += [".option push", ".option rvc" if case.compressed else ".option norvc", ".balign 4"]
        lines += [*body(case, f"c{number}"), ".option pop"]
    lines += [".data", ".balign 8", "cases:"]
    for number, case in enumerate(cases):
        lines += _descriptor(case, f"c{number}")
    lines += ["cases_end:", "pattern:", *_dwords(_pattern())]
    return "\n".join(lines) + "\n"


def _pattern() -> list[int]:
    """Give what scratch memory holds at the start: always the same."""
    rng = Random(0)
    return [rng.getrandbits(64) for _ in range(SCRATCH_SIZE // 8)]


def _dwords(values: Sequence[int]) -> list[str]:
    return [f".dword {value:#x}" for value in values]


def _descriptor(case: Case, prefix: str) -> list[str]:
    paging = case.paging + (case.mode is Mode.U) if case.paging else Paging.BARE
    registers = [f".dword {value:#x}" for value in case.x]
    registers[2] = f".dword scratch + {SP_OFFSET}"
    registers[8] = f".dword scratch + {S0_OFFSET}"
    return [
        f".dword {prefix}_0, {prefix}_{len(case.steps)}",
        *_dwords([case.status | case.mode << 11, paging, case.fcsr, case.envcfg, case.counteren, case.rounds]),
        *registers,
        *_dwords(case.f),
        *_dwords(case.entries),
        *_dwords([case.tick]),
    ]
