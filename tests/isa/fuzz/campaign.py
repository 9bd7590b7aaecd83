"""Running batches on all machines and comparing."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.isa import toolchain
from tests.isa.fuzz import generate, minimize, render, state
from tests.isa.fuzz.case import Case
from tests.isa.runners import Runner

BATCH = 64
TIMEOUT = 60.0
SHOWN = 16
"""How many differences a report lists."""


@dataclass(frozen=True)
class Mismatch:
    """A case in which one differs from the reference, made small."""

    seed: int
    case: Case
    differences: list[str]

    def report(self) -> str:
        """Give the seed, the differences, and an assembly reproduction."""
        case = self.case
        used = "\n".join(f"    {line}" for line in render.body(case, "step"))
        registers = ", ".join(f"x{n}={value:#x}" for n, value in enumerate(case.x) if n and value)
        floats = ", ".join(f"f{n}={value:#x}" for n, value in enumerate(case.f) if value)
        return (
            f"seed {self.seed}: mode {case.mode.name}, paging {case.paging.name}, mstatus {case.status:#x}, "
            f"fcsr {case.fcsr:#x}, envcfg {case.envcfg:#x}, counteren {case.counteren:#x}, "
            f"rounds {case.rounds}, tick {case.tick}\n"
            f"  {registers}\n  {floats}\n"
            f"{used}\n  differences (whose: ours, want QEMU's):\n"
            + "\n".join(f"    {line}" for line in self.differences[:SHOWN])
        )


class Bench:
    """Machines of ours beside the reference."""

    def __init__(self, subjects: Sequence[Runner], reference: Runner, folder: Path) -> None:
        self._subjects = subjects
        self._reference = reference
        self._folder = folder

    def compare(self, cases: Sequence[Case]) -> list[list[str]]:
        """Run a batch on all at the same time; give each case's differences."""
        source, elf = self._folder / "batch.S", self._folder / "batch.elf"
        source.write_text(render.program(cases))
        toolchain.assemble(source, elf)
        with ThreadPoolExecutor() as pool:
            want, *got = pool.map(lambda runner: self._states(runner, elf), (self._reference, *self._subjects))
        return [
            [
                f"{runner.name}: {line}"
                for runner, states in zip(self._subjects, got, strict=True)
                for line in self._differences(number, states, want)
            ]
            for number in range(len(cases))
        ]

    @staticmethod
    def _states(runner: Runner, elf: Path) -> list[state.State]:
        return state.parse_all(runner.run(elf, 1, TIMEOUT).output)

    @staticmethod
    def _differences(number: int, got: list[state.State], want: list[state.State]) -> list[str]:
        if number >= len(want):
            return ["the reference did not reach the end of this case"]
        if number >= len(got):
            return ["our machine did not reach the end of this case"]
        return got[number].differences(want[number])


def run(seed: int, seconds: float, subjects: Sequence[Runner], reference: Runner) -> tuple[int, Mismatch | None]:
    """Fuzz for about `seconds`, batch after batch from `seed` on; give the number of cases and the first mismatch.

    A batch depends on its own seed alone (`seed`, `seed + 1`, ...), which is the one in the report.
    """
    deadline = time.monotonic() + seconds
    done = 0
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(subjects, reference, Path(folder))
        while done == 0 or time.monotonic() < deadline:
            rng = Random(seed)
            cases = [generate.case(rng) for _ in range(BATCH)]
            for case, differences in zip(cases, bench.compare(cases), strict=True):
                if differences:
                    small = minimize.minimize(case, bench.compare)
                    return done, Mismatch(seed, small, bench.compare([small])[0] or differences)
                done += 1
            seed += 1
    return done, None
