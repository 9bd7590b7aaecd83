"""`python -m bench [NAME...]`: run all measurements, or those or the rows named; show a table, keep JSON and a plot."""

import argparse
import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench import commands, integer, linux, suite
from bench.debian import measure as debian
from bench.figure import PEERS, Figure
from bench.options import Options
from bench.plot import draw
from bench.report import document, page, save, table
from bench.switch import measure as switches
from vkd.errors import VkdError

MEASUREMENTS: dict[str, Callable[[Options], Sequence[Figure]]] = {
    "integer": integer.measure,
    "linux": linux.measure,
    "commands": commands.measure,
    "suite": suite.measure,
    "debian": debian.measure,
    "vether": switches.measure,
}
#: The measurements that can be had a row at a time.
ROWS = {"suite": suite.ROWS, "debian": debian.ROWS, "vether": switches.ROWS}
TREE = Path(__file__).parents[1]
WHOLE, PART = TREE / "docs" / "bench", TREE / "bench" / "results"


def main() -> int:
    """Run the measurements. A missed goal is shown, and is no failure: machines differ."""
    names, options, output = _arguments()
    figures: list[Figure] = []
    try:
        for measurement, rows in names.items():
            print(f"measuring {measurement} ...", file=sys.stderr, flush=True)
            figures += MEASUREMENTS[measurement](replace(options, rows=rows))
    except VkdError as error:
        print(f"bench: {error}" + (f"; {error.hint}" if error.hint else ""), file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    print(table(figures))
    facts = document(figures, _host(), _settings(options))
    save(output / "results.json", facts)
    (output / "table.md").write_text(page(facts, figures))
    (output / "plot.svg").write_text(draw(figures))
    return 0


def _arguments() -> tuple[dict[str, frozenset[str]], Options, Path]:
    """Return the rows wanted of each measurement (none: all of them), how to measure, and where to put the results."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    rows = "; ".join(f"{name}: {' '.join(rows)}" for name, rows in ROWS.items())
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(MEASUREMENTS)}, all by default; or rows of {rows}"
    )
    parser.add_argument("--rounds", type=_positive(int), default=3, help="the median of so many (%(default)s)")
    parser.add_argument("--scale", type=_positive(float), default=1.0, help="times the work of a row (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="one round, a tenth of the work")
    parser.add_argument("--peers", type=_peers, default=tuple(PEERS), help=f"of {','.join(PEERS)}; all by default")
    parser.add_argument("--no-translate", dest="translate", action="store_false", help="our machine interprets")
    parser.add_argument(
        "--output", type=Path, help="folder of the results (docs/bench after a whole run, else bench/results)"
    )
    given = parser.parse_args()
    names: dict[str, frozenset[str]] = {}
    for name in given.names or MEASUREMENTS:
        home = next((home for home, rows in ROWS.items() if name in rows), None)
        if home is None and name not in MEASUREMENTS:
            parser.error(f"no measurement or row {name}; there are: {', '.join(MEASUREMENTS)}; rows of {rows}")
        wanted = names.setdefault(home or name, frozenset({name} if home else ()))
        names[home or name] = wanted | {name} if home and wanted else frozenset()
    options = Options(given.rounds, 3, given.scale, given.peers, translate=given.translate)
    if given.quick:
        options = Options(1, 3, given.scale / 10, given.peers, translate=given.translate)
    whole = not given.names and options == Options(options.rounds)
    return names, options, given.output or (WHOLE if whole else PART)


def _positive(kind: type[int] | type[float]) -> Callable[[str], float]:
    def parse(text: str) -> float:
        value = kind(text)
        if value <= 0:
            raise ValueError(text)
        return value

    parse.__name__ = f"positive {kind.__name__}"
    return parse


def _peers(text: str) -> tuple[str, ...]:
    peers = tuple(text.split(","))
    if set(peers) - PEERS.keys():
        raise argparse.ArgumentTypeError(f"peers are {', '.join(PEERS)}")
    return peers


def _host() -> dict[str, str]:
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), ""
    )
    load = _lines("/proc/loadavg")[0].split()[0]
    return {
        "CPU": model or platform.machine(),
        "cores": str(len(os.sched_getaffinity(0))),
        "kernel": platform.release(),
        "load": load,
        **{
            program: _version(program)
            for program in ("qemu-system-riscv64", "linux.uml", "gcc", "riscv64-linux-gnu-gcc")
        },
    }


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


def _version(program: str) -> str:
    """Return the version of a program of the host, or `-`."""
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:
        return "-"
    found = re.search(r"\d+\.\d+\S*", said)
    return found.group() if found else "-"


def _settings(options: Options) -> dict[str, Any]:
    return {
        "rounds": options.rounds,
        "repeats": options.repeats,
        "scale": options.scale,
        "translate": options.translate,
    }


if __name__ == "__main__":
    sys.exit(main())
