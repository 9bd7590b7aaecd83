"""`vkd top`: what guests do at this moment."""

import shutil
import sys
import time
from collections.abc import Iterator

import click

from vkd.api import Load
from vkd.cli.client import ask_clusters
from vkd.cli.complete import clusters
from vkd.cli.output import emit_json, emit_json_line, emit_table, fitting, human_size
from vkd.cli.rates import Rates, rates

HEAD = (
    *(
        "CLUSTER",
        "NAME",
        "CPU",
        "INSTR/S",
        "TRANSL",
        "TLBMISS",
        "ECALL",
        "FAULT",
        "TRAP",
        "IRQ",
        "FENCE",
        "CSR",
        "MMIO",
    ),
    *("SLEEP", "DISK R", "DISK W", "NET RX", "NET TX"),
)

#: Columns that a narrow terminal does without, the first of them first.
SPARE = (
    *("TRAP", "FENCE", "CSR", "MMIO", "TLBMISS", "IRQ", "ECALL", "SLEEP", "FAULT"),
    *("DISK W", "DISK R", "CLUSTER", "TRANSL", "NET TX", "NET RX"),
)


@click.command()
@click.argument("cluster", required=False, shell_complete=clusters)
@click.option("-i", "--interval", type=click.FloatRange(0.1, 3600), default=2.0, show_default=True, help="Seconds.")
@click.option("--once", is_flag=True, help="Print one interval and end.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print one line of JSON for each interval; with --once, indented."
)
def top(cluster: str | None, interval: float, once: bool, as_json: bool) -> None:
    """Show what guests do, anew at each interval, until Ctrl-C.

    \b
    CPU      processor time of the guest's process; 100% is one core
    INSTR/S  instructions retired; TRANSL: share of them in translated code
    TLBMISS  pages that the TLB did not know, per thousand instructions
    ECALL    per second: system and SBI calls
    FAULT    page faults; TRAP: other exceptions; IRQ: interrupts
    FENCE    fences of translations and of code
    CSR      accesses to control and status registers
    MMIO     accesses to devices; SLEEP: times that a hart slept
    DISK, NET bytes per second

    A terminal that is too narrow shows the columns that matter most; --json has all.
    """  # noqa: D301 - click's mark of a paragraph that is not to be filled
    readings = _readings(cluster, interval)
    if once:
        found = next(readings)
        if as_json:
            emit_json(found)
        else:
            show(found)
    elif as_json:
        for found in readings:
            emit_json_line(found)
    elif sys.stdout.isatty():
        from vkd.cli.watch import watch  # noqa: PLC0415 - imports rich

        watch(HEAD, ([_cells(row) for row in found] for found in readings), SPARE)
    else:
        for found in readings:
            show(found)


def show(found: list[Rates]) -> None:
    """Print one interval as a table."""
    rows = [_cells(row) for row in found]
    kept = list(range(len(HEAD)))
    if sys.stdout.isatty():
        kept = fitting(HEAD, rows, shutil.get_terminal_size().columns, SPARE)
    emit_table([HEAD[at] for at in kept], [[row[at] for at in kept] for row in rows])


def _readings(cluster: str | None, interval: float) -> Iterator[list[Rates]]:
    """Yield what guests do, interval by interval."""
    before = _read(cluster)
    while True:
        time.sleep(interval)
        after = _read(cluster)
        found = (rates(before[key], load) for key, load in after.items() if key in before)
        yield [one for one in found if one is not None]
        before = after


def _read(cluster: str | None) -> dict[tuple[str, str], Load]:
    return {(load.cluster, load.name): load for load in ask_clusters("top", list[Load], cluster) or []}


def _cells(row: Rates) -> tuple[str, ...]:
    exits = row.exits
    counts = (
        exits["ecalls"] + exits["sbi_calls"],
        exits["page_faults"],
        exits["exceptions"],
        exits["interrupts"],
        exits["fences"] + exits["code_fences"],
        exits["csr_accesses"],
        exits["device_accesses"],
        exits["sleeps"],
    )
    return (
        row.cluster,
        row.name,
        f"{100 * row.cpu:.0f}%",
        human_count(row.instructions),
        f"{100 * row.translated:.0f}%",
        f"{row.tlb_misses:.2f}",
        *map(human_count, counts),
        *(human_size(int(row.disk[name])) for name in ("read_bytes", "written_bytes")),
        *(human_size(int(row.net[name])) for name in ("rx_bytes", "tx_bytes")),
    )


def human_count(count: float) -> str:
    """Return a number as people read it: 12.3 M."""
    for unit in ("", " k", " M"):
        if count < 1000:
            return f"{count:.0f}{unit}" if not unit or count >= 100 else f"{count:.1f}{unit}"
        count /= 1000
    return f"{count:.1f} G"
