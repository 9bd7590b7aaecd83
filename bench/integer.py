"""How fast an integer loop runs: guest instructions per second."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.bare import assemble, run_ours, run_qemu, ticks
from bench.figure import Figure

TICKS_PER_SECOND = 10_000_000
INSTRUCTIONS_PER_TURN = 10
TURNS = 40_000_000
ROUNDS = 3


def measure() -> Sequence[Figure]:
    """Run the loop in turns on both machines and take the best of each."""
    with tempfile.TemporaryDirectory() as folder:
        elf = assemble("loop", Path(folder), TURNS=TURNS)
        runs = [(_speed(run_ours, elf), _speed(run_qemu, elf)) for _ in range(ROUNDS)]
    ours, qemu = (max(speeds) for speeds in zip(*runs, strict=True))
    return [Figure("integer loop", "M instructions/s", ours / 1e6, qemu / 1e6, 100, higher_is_better=True)]


def _speed(run: Callable[[Path], bytes], elf: Path) -> float:
    return TURNS * INSTRUCTIONS_PER_TURN * TICKS_PER_SECOND / ticks(run(elf))
