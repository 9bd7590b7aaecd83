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


@dataclass(frozen=True)
class Result:
    """What a campaign came to."""

    agreed: int
    """Cases in which all did the same."""
    starved: int
    """Cases that the reference had no time for on this host: nothing is known of them."""
    mismatch: Mismatch | None = None

    def problem(self) -> str | None:
        """Say why the campaign has failed, or give `None`: something differed, or most cases starved."""
        if self.mismatch is not None:
            return self.mismatch.report()
        if self.starved > self.agreed:
            return (
                f"the reference had no time for {self.starved} of {self.starved + self.agreed} cases: "
                f"run it on a host that is less busy, or have it wait for longer than {TIMEOUT:.0f} seconds"
            )
        return None

    def summary(self) -> str:
        """Say in a line what was compared."""
        starved = f", {self.starved} that the reference had no time for" if self.starved else ""
        return f"{self.agreed} cases agreed{starved}"


class Bench:
    """Machines of ours beside the reference."""

    def __init__(self, subjects: Sequence[Runner], reference: Runner, folder: Path) -> None:
        self._subjects = subjects
        self._reference = reference
        self._folder = folder

    def compare(self, cases: Sequence[Case]) -> list[list[str] | None]:
        """Run a batch on all at the same time; give each case's differences, `None` where the reference had no time."""
        source, elf = self._folder / "batch.S", self._folder / "batch.elf"
        source.write_text(render.program(cases))
        toolchain.assemble(source, elf)
        with ThreadPoolExecutor() as pool:
            reference, *subjects = pool.map(
                lambda runner: runner.run(elf, 1, TIMEOUT), (self._reference, *self._subjects)
            )
        want = state.parse_all(reference.output)
        got = [
            (runner.name, state.parse_all(outcome.output))
            for runner, outcome in zip(self._subjects, subjects, strict=True)
        ]
        # It is slow where the host is busy. When it ends by itself, that is another matter.
        compared = len(want) if reference.code is None else len(cases)
        differences: list[list[str] | None] = [
            [f"{name}: {line}" for name, states in got for line in self._differences(number, states, want)]
            for number in range(min(compared, len(cases)))
        ]
        return differences + [None] * (len(cases) - len(differences))

    @staticmethod
    def _differences(number: int, got: list[state.State], want: list[state.State]) -> list[str]:
        if number >= len(want):
            return ["the reference has ended before the end of this case"]
        if number >= len(got):
            return ["our machine did not reach the end of this case"]
        return got[number].differences(want[number])


def run(seed: int, seconds: float, subjects: Sequence[Runner], reference: Runner) -> Result:
    """Fuzz for about `seconds`, batch after batch from `seed` on, up to the first mismatch.

    A batch depends on its own seed alone (`seed`, `seed + 1`, ...), which is the one in the report.
    """
    deadline = time.monotonic() + seconds
    agreed = starved = 0
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(subjects, reference, Path(folder))
        while agreed + starved == 0 or time.monotonic() < deadline:
            rng = Random(seed)
            cases = [generate.case(rng) for _ in range(BATCH)]
            for case, differences in zip(cases, bench.compare(cases), strict=True):
                if differences is None:
                    starved += 1
                elif differences:
                    small = minimize.minimize(case, bench.compare)
                    return Result(agreed, starved, Mismatch(seed, small, bench.compare([small])[0] or differences))
                else:
                    agreed += 1
            seed += 1
    return Result(agreed, starved)
