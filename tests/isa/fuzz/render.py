"""A batch of cases as one assembly program."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

from tests.isa.fuzz.case import (
    COUNTERS,
    LINKED_BY,
    LINKS,
    ROUTINE,
    S0_OFFSET,
    SCRATCH_SIZE,
    SP_OFFSET,
    TARGET,
    TARGETS,
    Case,
    Mode,
    Paging,
    Step,
)
from tests.isa.fuzz.flow import NOP

RUNTIME = Path(__file__).parent / "runtime.S"


def body(case: Case, prefix: str) -> list[str]:
    """Give the lines of a case, labels beginning with `prefix`: its steps, and behind their end its routines."""
    lines = [*_block(case.steps, prefix, prefix), f"{prefix}_end:", "ecall"]
    for number, steps in enumerate(case.routines):
        name, link = f"{prefix}_r{number}", f"x{LINKS[number]}"
        lines += [f"{name}:", f"mv {link}, x{LINKED_BY[number]}", ".balign 4", f"{name}_p: .4byte {NOP:#x}"]
        lines += [*_block(steps, name, prefix), f"jr {link}"]
    return lines


def _block(steps: Sequence[Step], prefix: str, case: str) -> list[str]:
    count, lines = len(steps), list[str]()
    ends: list[tuple[int, str, str]] = []
    """Loops that are open: the step in front of which they end, their counter, their first label."""

    def label(index: int) -> str:
        return f"{prefix}_{min(index, count)}"

    for index in range(count + 1):
        lines.append(f"{label(index)}:")
        while ends and ends[-1][0] <= index:
            _, counter, top = ends.pop()
            lines += [f"addi {counter}, {counter}, -1", f"bgtz {counter}, {top}"]
        if index == count:
            break
        step = steps[index]
        if step.turns and len(ends) < len(COUNTERS):
            counter, top = f"x{COUNTERS[len(ends)]}", f"{label(index)}_top"
            end = min([index + 1 + step.ahead, count, *(end for end, _, _ in ends)])
            ends.append((end, counter, top))
            lines += [f"li {counter}, {step.turns}", f"{top}:"]
        for line in step.lines:
            text = line.replace(ROUTINE, f"{case}_r{step.routine}").replace(TARGET, label(index + 1 + step.ahead))
            for n in range(TARGETS):
                text = text.replace(f"{{target+{n}}}", label(index + 1 + step.ahead + n))
            lines.append(text)
    return lines


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
    for number in COUNTERS:
        # A loop that is jumped into ends, too.
        registers[number] = ".dword 0"
    return [
        f".dword {prefix}_0, {prefix}_end",
        *_dwords([case.status | case.mode << 11, paging, case.fcsr, case.envcfg, case.counteren, case.rounds]),
        *registers,
        *_dwords(case.f),
        *_dwords(case.entries),
        *_dwords([case.tick]),
    ]
