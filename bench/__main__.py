"""`python -m bench [NAME...]`: run all measurements, or those named; a table, and JSON in `bench/results/`."""

import argparse
import os
import platform
import subprocess
import sys
from pathlib import Path

from bench import commands, integer, linux
from bench.figure import Figure, Measurement, save, table

MEASUREMENTS: dict[str, Measurement] = {
    "integer": integer.measure,
    "linux": linux.measure,
    "commands": commands.measure,
}
RESULTS = Path(__file__).parent / "results"


def main() -> int:
    """Run the measurements. A missed goal is shown, and is no failure: machines differ."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(MEASUREMENTS)}; all by default")
    parser.add_argument("--output", type=Path, default=RESULTS / "latest.json", help="where the JSON goes")
    options = parser.parse_args()
    unknown = set(options.names) - set(MEASUREMENTS)
    if unknown:
        parser.error(f"no measurement {', '.join(sorted(unknown))}; there are: {', '.join(MEASUREMENTS)}")
    figures: list[Figure] = []
    for name in options.names or MEASUREMENTS:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        figures += MEASUREMENTS[name]()
    print(table(figures))
    save(figures, _host(), options.output)
    return 0


def _host() -> dict[str, str]:
    qemu = subprocess.run(["qemu-system-riscv64", "--version"], capture_output=True, text=True, check=True).stdout
    model = next((line.partition(":")[2].strip() for line in _cpuinfo() if line.startswith("model name")), "unknown")
    return {"cpu": model, "cores": str(os.cpu_count()), "kernel": platform.release(), "qemu": qemu.splitlines()[0]}


def _cpuinfo() -> list[str]:
    return Path("/proc/cpuinfo").read_text().splitlines()


if __name__ == "__main__":
    sys.exit(main())
