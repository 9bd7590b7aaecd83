"""The suite of small C programs (`bench/programs/suite/`), one concept a row, on all peers."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import trio

from bench.build import COMPILERS, build
from bench.figure import Figure
from bench.goals import goals
from bench.options import Options
from bench.peers.protocol import Answer
from bench.peers.workload import PeerError, Workload
from bench.rounds import Results, Row, Sample, figure, run
from vkd.images import ensure

MEMORY = 512 << 20
HARTS = 4  # of the machine that runs the rows in PARALLEL

TITLES = {
    "alu": "integer arithmetic, straight",
    "branch": "branches",
    "sieve": "sieve, 8 MB",
    "chase": "pointer chase, 4 MB",
    "touch": "random touch, 64 MB",
    "memcpy": "memcpy 16 MB x40",
    "fp64": "double precision with sqrt",
    "fp32": "single precision with sqrt",
    "nbody": "n-body, double precision",
    "fib": "recursion",
    "call": "direct calls",
    "pointer": "calls through pointers",
    "switch": "byte-code interpreter",
    "atomic": "atomic add",
    "cas": "compare and swap",
    "core": "lists, matrices, states, CRC",
    "getppid": "1 M getppid",
    "signal": "60 k signals",
    "pipe": "15 k pipe round trips",
    "ring": "3 k rounds of 8 processes",
    "futex": "40 k futex round trips",
    "fork": "1200 fork and wait",
    "exec": "300 vfork, exec and wait",
    "mmap": "150x mmap, touch, munmap 4 MB",
    "file": "8x write and read 32 MB, tmpfs",
}
PARALLEL = {"parallel-1": "4 parts of work, 1 thread", "parallel-4": "4 parts of work, 4 threads"}
ROWS = (*TITLES, *PARALLEL)


def measure(options: Options) -> Sequence[Figure]:
    """Run the rows wanted: all on machines with one hart, but for the parallel ones."""
    figures = []
    image = trio.run(ensure, "tiny")
    with tempfile.TemporaryDirectory(prefix="vkd-bench-") as folder:
        programs = {name: build(name, Path(folder)) for name in COMPILERS}
        for harts, titles in ((1, TITLES), (HARTS, PARALLEL)):
            rows = [_row(name, title, options) for name, title in titles.items() if options.wants(name)]
            if not rows:
                continue
            workload = Workload(image.kernel, image.cmdline, programs, MEMORY, harts, options.translate)
            results, boots = run(rows, workload, options.peers, options.rounds)
            figures += [figure(row, results[row.name]) for row in rows]
            if harts == 1:
                boots.samples.pop("native", None)
                figures.append(
                    Figure(
                        "boot",
                        "s",
                        boots.values(),
                        goals("boot"),
                        title="boot to the first program",
                        problems=boots.problems,
                    )
                )
            elif len(rows) == len(PARALLEL):
                figures.append(_speedup(*(results[name] for name in PARALLEL)))
    return figures


def read(answer: Answer) -> Sample:
    """Return the best repetition of a row, scaled to the whole work; raises PeerError with what the program said."""
    lines = [line.split(maxsplit=2) for line in answer.lines if line.startswith("BENCH ")]
    failure = next((rest for _, kind, rest in lines if kind == "fail"), None)
    runs = [rest.split() for _, kind, rest in lines if kind == "time"]
    if answer.status != 0 or failure is not None or not runs:
        raise PeerError(failure or f"exit status {answer.status} after {len(runs)} runs")
    seconds, turns, full, check = min(runs, key=lambda run: float(run[0]))
    return Sample(float(seconds) * int(full) / int(turns), int(turns), check)


def _row(name: str, title: str, options: Options) -> Row:
    return Row(name, title, f"suite {name} {options.scale} {options.repeats}", read)


def _speedup(one: Results, four: Results) -> Figure:
    """Return how many times as fast four threads are as one, round by round."""
    both = one.samples.keys() & four.samples.keys()
    ratios = {
        peer: [alone.value / shared.value for alone, shared in zip(one.samples[peer], four.samples[peer], strict=False)]
        for peer in one.samples
        if peer in both
    }
    name = "parallel speedup"
    return Figure(name, "x", ratios, goals(name), True, f"4 threads on {HARTS} harts over 1", four.problems)
