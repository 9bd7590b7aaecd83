"""The host itself: the same sources as native programs, on as many CPUs as the machines have harts."""

import os

from bench.peers.workload import Workload, program


def command(workload: Workload) -> list[str]:
    """Return the command line."""
    cpus = sorted(os.sched_getaffinity(0))[-workload.harts :]
    return [program("taskset", "util-linux"), "-c", ",".join(map(str, cpus)), *workload.of("native").native]
