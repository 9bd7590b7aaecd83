"""`vkd up`: make what runs equal to what a cluster file says."""

import shutil
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import click
import msgspec

from vkd.api import Event, Row, UpResult
from vkd.cli.client import connect, follow, rows
from vkd.cli.here import here, host_option
from vkd.cli.output import emit_json
from vkd.cli.progress import Lines, View, failures, open_view
from vkd.config import Changes, Loaded, diff, load
from vkd.config.memory import available_memory
from vkd.errors import ConfigError

#: Files that `vkd up` takes when none is named, the first that there is.
DEFAULT_FILES = (Path("cluster.toml"), Path("configs/cluster.toml"))

INTERRUPTED = 130

#: States in which a guest is started by `up`, changed or not.
_IDLE = ("stopped", "failed")


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("-n", "--dry-run", is_flag=True, help="Print what would change, and change nothing.")
@click.option("--wait/--no-wait", default=True, help="Return when the guests are ready (default), or at once.")
@click.option("--timeout", type=click.FloatRange(min=0), metavar="SECONDS", help="Wait no longer; exit code 4 then.")
@host_option
@click.option("--json", "as_json", is_flag=True, help="Print the changes and the guests as JSON, nothing else.")
def up(
    file: Path | None, *, dry_run: bool, wait: bool, timeout: float | None, host: str | None, as_json: bool
) -> int | None:
    """Start the cluster of FILE, or change what runs to what it says.

    FILE is cluster.toml or configs/cluster.toml if none is named. Only what differs is touched: run it again after an
    edit. The command returns when every guest has reached the stage that it waits for (ssh, by default).
    """
    loaded = here(load(find_file(file)), host)
    loaded.check_files()
    loaded.check_key()
    known = rows()
    ours = [row for row in known if row.cluster == loaded.cluster.name]
    loaded.check_host(available_memory(), {row.name: row.memory for row in ours if row.pid is not None})
    say_warnings(loaded)
    idle = [row.name for row in ours if row.state in _IDLE and row.name in loaded.cluster.guests]
    if dry_run:
        _show_changes(_dry_run(loaded, bool(known)), idle, as_json)
        return None
    client = connect(start=True, timeout=None)
    assert client is not None  # noqa: S101 - with `start` there is one
    view = open_view(quiet=as_json)
    view.board.order = list(loaded.cluster.guests)
    arguments: dict[str, Any] = {"dry_run": False, "wait": wait, "timeout": timeout}
    try:
        with client:
            stream = follow(
                client, "up", cluster=msgspec.to_builtins(loaded.cluster), source=_source(loaded), **arguments
            )
            result = _watch(stream, view)
    except KeyboardInterrupt:
        view.close()
        _say_how_to_go_on(loaded)
        return INTERRUPTED
    finally:
        view.close()
    if as_json:
        emit_json(result)
    else:
        _sum_up(result, idle, wait)
    failures(result.guests, view.board)
    return None


def find_file(file: Path | None) -> Path:
    """Return `file`, or the default one. Raises `ConfigError` if there is none."""
    if file is not None:
        return file
    for candidate in DEFAULT_FILES:
        if candidate.exists():
            return candidate
    names = " nor ".join(map(str, DEFAULT_FILES))
    raise ConfigError(f"there is neither {names} here", hint="name a cluster file: vkd up FILE")


def say_warnings(loaded: Loaded) -> None:
    """Say on stderr what in a file is valid and hardly meant."""
    for line, text in loaded.warnings():
        click.echo(f"{loaded.source}{f':{line}' if line else ''}: warning: {text}", err=True)


def _source(loaded: Loaded) -> str:
    return str(Path(loaded.source).absolute())


def _dry_run(loaded: Loaded, running: bool) -> Changes:
    client = connect() if running else None
    if client is None:
        return diff(None, loaded.cluster)
    with client:
        stream = follow(client, "up", cluster=msgspec.to_builtins(loaded.cluster), source=_source(loaded), dry_run=True)
        return msgspec.convert(_watch(stream, Lines(quiet=True)).changes, Changes)


def _watch(stream: Generator[Event, None, Any], view: View) -> UpResult:
    while True:
        try:
            view.show(next(stream))
        except StopIteration as end:
            return msgspec.convert(end.value, UpResult)


def _sum_up(result: UpResult, idle: list[str], wait: bool) -> None:
    changes = msgspec.convert(result.changes, Changes)
    ready = [row for row in result.guests if row.state == "ready"]
    if changes.nothing:
        click.echo(f"started: {', '.join(idle)}" if idle else "nothing to change")
    if wait and ready:
        names = ", ".join(row.name for row in ready)
        click.echo(f"ready: {names}")
        if with_ssh := [row for row in ready if row.ssh_port]:
            click.echo(f"log in: {_program()} ssh {_reference(with_ssh[0])}")


def _program() -> str:
    """Return how the user called us, so that what we suggest can be pasted: `vkd`, or `.venv/bin/vkd`."""
    called = sys.argv[0]
    return called if Path(called).name == "vkd" and shutil.which("vkd") != called and "/" in called else "vkd"


def _reference(row: Row) -> str:
    same = [other for other in rows() if other.name == row.name]
    return row.name if len(same) == 1 else f"{row.cluster}/{row.name}"


def _say_how_to_go_on(loaded: Loaded) -> None:
    click.echo(f"\ninterrupted; the cluster {loaded.cluster.name} stays as it is, and its guests go on", err=True)
    host = "" if loaded.cluster.host is None else f" --host {loaded.cluster.host}"
    click.echo(f"  {_program()} up {loaded.source}{host}  goes on waiting", err=True)
    click.echo(f"  {_program()} down {loaded.cluster.name}  ends it", err=True)


def _show_changes(changes: Changes, idle: list[str], as_json: bool) -> None:
    """Print what would change; guests that are `idle` would be started, whatever else."""
    if as_json:
        emit_json(changes)
        return
    lines = [f"+ network {name}" for name in changes.added_networks]
    lines += [f"~ network {name}: {', '.join(keys)}" for name, keys in changes.changed_networks.items()]
    lines += [f"+ guest {name}" for name in changes.added]
    for name, change in changes.changed.items():
        lines.append(f"~ guest {name}: {', '.join(change.keys)}{' (restart)' if change.restart else ''}")
    lines += [f"~ guest {name}: (start)" for name in idle if name not in changes.changed]
    lines += [f"- guest {name}" for name in changes.removed]
    lines += [f"- network {name}" for name in changes.removed_networks]
    click.echo("\n".join(lines) or "nothing to change")
