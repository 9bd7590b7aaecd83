"""`vkd profile`: where a guest's time goes."""

import time
from pathlib import Path

import click
import msgspec

from vkd.cli.client import connect, control_errors, inspect, no_such_guest
from vkd.cli.complete import guests
from vkd.cli.names import add_modules, known_before
from vkd.cli.output import emit_json, emit_table
from vkd.errors import VkdError
from vkd.profile.flame import flame_graph
from vkd.profile.report import Report, folded, report
from vkd.profile.sample import Batch, Profile

#: Tasks that are listed.
_TASKS = 10

_FILE = click.Path(dir_okay=False, allow_dash=True)


@click.command()
@click.argument("name", shell_complete=guests)
@click.option("--seconds", type=click.FloatRange(min=0.1), default=10.0, show_default=True, help="For how long.")
@click.option("--hz", type=click.IntRange(1, 10_000), default=997, show_default=True, help="Samples a second and hart.")
@click.option(
    "--symbols",
    "files",
    multiple=True,
    metavar="FILE[@ADDRESS]",
    help="A System.map, ELF file or kernel; ADDRESS is where a program that may lie anywhere was loaded. Any number.",
)
@click.option("--top", type=click.IntRange(min=1), default=30, show_default=True, help="How many symbols to list.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: all tasks and symbols, in numbers of samples.")
@click.option("--folded", "folded_to", type=_FILE, help="Write folded stacks to a file, or print them (-).")
@click.option("--flame", "flame_to", type=_FILE, help="Write a flame graph (SVG) to a file, or print it (-).")
def profile(
    name: str,
    *,
    seconds: float,
    hz: int,
    files: tuple[str, ...],
    top: int,
    as_json: bool,
    folded_to: str | None,
    flame_to: str | None,
) -> None:
    """Show where a guest's time goes, by task and by symbol; Ctrl-C ends the sampling early.

    The kernel's symbols are read from its own file, those of its modules are asked of the guest by ssh. Code without
    symbols is named after the page of 4 KiB that it lies in.
    """
    known = known_before(Path(inspect(name).folder), files)
    sampled = sample(name, Profile(hz=hz), seconds, known.task_name)
    add_modules(known, name, sampled.samples)
    if not sampled.samples and "-" in {flame_to, folded_to}:
        known.notes.append(f"no samples: {name} was idle")
    for note in known.notes:
        click.echo(f"vkd: {note}", err=True)
    stacks = known.names().stacks(sampled.samples)
    if flame_to:
        _write(flame_to, flame_graph(stacks, f"{name}: {len(sampled.samples)} samples in {sampled.seconds:.1f} s"))
    if folded_to:
        _write(folded_to, folded(stacks))
    found = report(sampled, stacks)
    if as_json:
        emit_json(found)
    elif "-" not in {flame_to, folded_to}:
        _show(found, top)


def sample(name: str, profile: Profile, seconds: float, task_name: int | None) -> Profile:
    """Fill `profile` with what the guest does in the next `seconds`, or until Ctrl-C; return it."""
    client = connect(timeout=seconds + 30)
    if client is None:
        raise no_such_guest(name)
    began = time.monotonic()
    try:
        with client, control_errors():
            stream = client.stream("profile", guest=name, hz=profile.hz, seconds=seconds, task_name=task_name)
            for batch in stream:
                profile.add(msgspec.convert(batch, Batch))
    except KeyboardInterrupt:
        if not profile.samples:
            raise
    profile.seconds = min(time.monotonic() - began, seconds)
    return profile


def _write(place: str, text: str) -> None:
    try:
        with click.open_file(place, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise VkdError(f"{place}: {error.strerror}", hint="name a file that can be written") from error


def _show(found: Report, top: int) -> None:
    asked = found.samples + found.idle
    lost = f", {found.lost} lost" if found.lost else ""
    harts = "1 hart" if found.harts == 1 else f"{found.harts} harts"
    click.echo(f"{found.samples} samples{lost} in {found.seconds:.1f} s at {found.hz} Hz of {harts}")
    if asked:
        click.echo(f"idle {_share(found.idle, asked)} of the time; of the rest:\n")
    if not found.samples:
        return
    emit_table(
        ("SHARE", "KERNEL", "USER", "TASK"),
        [
            (
                _share(row.samples, found.samples),
                _share(row.kernel, found.samples),
                _share(row.user, found.samples),
                row.task,
            )
            for row in found.tasks[:_TASKS]
        ],
    )
    click.echo()
    emit_table(
        ("SELF", "TOTAL", "MODE", "SYMBOL"),
        [
            (_share(row.self, found.samples), _share(row.total, found.samples), row.mode, row.symbol)
            for row in found.symbols[:top]
        ],
    )


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %"
