"""Commands that ask a running switch."""

import json
from pathlib import Path
from typing import Any

import click

from vether.control.client import Client
from vether.errors import NotRunningError, SpecError
from vether.folder import Folder, default

_network = click.argument("network", required=False)
_folder = click.option("--dir", "folder", type=click.Path(path_type=Path), help="Runtime folder of the switch.")


@click.command()
@click.argument("what", type=click.Choice(["ports", "fdb", "stats", "forwards", "spec"]))
@_network
@_folder
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(what: str, network: str | None, folder: Path | None, *, as_json: bool) -> None:
    """Show the ports, addresses, counters, forwards or specification of NETWORK."""
    with _connect(network, folder) as client:
        value = client.call("show", what=what)
    if as_json or what == "spec":
        click.echo(json.dumps(value, indent=2))
        return
    rows = _stats_rows(value) if what == "stats" else value
    _print_table(rows)


@click.command()
@_network
@_folder
def stop(network: str | None, folder: Path | None) -> None:
    """Stop the switch of NETWORK."""
    with _connect(network, folder) as client:
        client.call("stop")


def _connect(network: str | None, folder: Path | None) -> Client:
    if (network is None) == (folder is None):
        raise SpecError("name the switch", hint="either NETWORK or --dir DIR")
    path = Folder(folder or default(str(network)))
    try:
        return Client(path.control)
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
        raise NotRunningError(f"no switch runs in {path.path}", hint="start it with: vether serve FILE") from None


def _stats_rows(stats: dict[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for name, counters in stats["ports"].items():
        drops = {reason: count for reason, count in counters["drops"].items() if count}
        numbers = {key: value for key, value in counters.items() if key != "drops"}
        text = ", ".join(f"{reason} {count}" for reason, count in drops.items())
        rows.append({"port": name, **numbers, "drops": text})
    return rows


def _print_table(rows: list[dict[str, Any]]) -> None:
    # One line for each row, however wide: programs cut lines into words, and terminals fold them.
    columns = list(rows[0]) if rows else ["(none)"]
    lines = [columns, *([_text(row[column]) for column in columns] for row in rows)]
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.1f}" if isinstance(value, float) else str(value) or "-"
