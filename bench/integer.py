"""How fast an integer loop runs: guest instructions per second."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.bare import assemble, run_ours, run_qemu, ticks
from bench.figure import Figure
from bench.goals import goals
from bench.options import Options

TICKS_PER_SECOND = 10_000_000
INSTRUCTIONS_PER_TURN = 10
TURNS = 40_000_000


def measure(options: Options) -> Sequence[Figure]:
    """Run the loop in turns on both machines."""
    machines = {"ours": lambda elf: run_ours(elf, translate=options.translate), "qemu": run_qemu}
    turns = max(1, int(TURNS * options.scale))
    speeds: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        elf = assemble("loop", Path(folder), TURNS=turns)
        for _ in range(options.rounds):
            for peer in filter(options.peers.__contains__, machines):
                seconds = ticks(machines[peer](elf)) / TICKS_PER_SECOND
                speeds.setdefault(peer, []).append(turns * INSTRUCTIONS_PER_TURN / seconds / 1e6)
    name = "integer loop"
    return [Figure(name, "M instructions/s", speeds, goals(name), higher_is_better=True, title="without a kernel")]
