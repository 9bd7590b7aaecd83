"""How fast an integer loop runs: guest instructions per second."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.bare import FAILURES, assemble, run_ours, run_qemu, ticks
from bench.figure import Figure
from bench.goals import goals
from bench.options import Options

TICKS_PER_SECOND = 10_000_000
INSTRUCTIONS_PER_TURN = 10
TURNS = 400_000_000


def measure(options: Options) -> Sequence[Figure]:
    """Run the loop in turns on both machines."""
    machines = {"ours": lambda elf: run_ours(elf, translate=options.translate), "qemu": run_qemu}
    peers = [peer for peer in machines if peer in options.peers]
    turns = max(1, int(TURNS * options.scale))
    speeds: dict[str, list[float]] = {}
    problems: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(options.rounds):
            for peer in peers:
                try:
                    elf = assemble("loop", Path(folder), TURNS=turns)
                    seconds = ticks(machines[peer](elf)) / TICKS_PER_SECOND
                except FAILURES as error:
                    problems[peer] = str(error)
                else:
                    speeds.setdefault(peer, []).append(turns * INSTRUCTIONS_PER_TURN / seconds / 1e6)
    name = "integer loop"
    return [Figure(name, "M instructions/s", speeds, goals(name), True, "without a kernel", problems)]
