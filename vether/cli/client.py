"""Commands that ask a running switch."""

import json
from pathlib import Path
from typing import Any

import click

from vether.control.client import Client
from vether.errors import NotRunningError, SpecError, VetherError
from vether.folder import Folder, find

_network = click.argument("network", required=False)
folder_option = click.option("--dir", "folder", type=click.Path(path_type=Path), help="Runtime folder of the switch.")


@click.command()
@click.argument(
    "what",
    type=click.Choice(
        [
            *("ports", "fdb", "stats", "forwards", "vlans", "groups", "peers", "netem", "captures"),
            *("stp", "loops", "neighbours", "spec"),
        ]
    ),
)
@_network
@folder_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(what: str, network: str | None, folder: Path | None, *, as_json: bool) -> None:
    """Show what there is of NETWORK: ports, addresses, counters, its spanning tree, its neighbours and more."""
    with connect(network, folder) as client:
        value = client.call("show", what=what)
    if as_json or what == "spec":
        click.echo(json.dumps(value, indent=2))
        return
    if what == "stp":
        value = _print_stp(value)
    rows = _stats_rows(value) if what == "stats" else _peers_rows(value) if what == "peers" else value
    print_table(rows)


@click.command()
@_network
@folder_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def reload(network: str | None, folder: Path | None, *, as_json: bool) -> None:
    """Make NETWORK equal to the file that it was started with, as that is now; frames go on meanwhile.

    What `vether add`, `set` and `del` did, and the file does not say, is undone. A wrong file changes nothing.
    """
    with connect(network, folder) as client:
        answer = client.call("reload")
    if as_json:
        click.echo(json.dumps(answer, indent=2))
    else:
        click.echo("\n".join(answer["changed"]) or "nothing to change")


@click.command()
@_network
@folder_option
def stop(network: str | None, folder: Path | None) -> None:
    """Stop the switch of NETWORK."""
    with connect(network, folder) as client:
        client.call("stop")


def connect(network: str | None, folder: Path | None, timeout: float | None = 30.0) -> Client:
    """Connect to the switch of NETWORK or of a folder. Raises `SpecError`, `NotRunningError`."""
    if network is not None and folder is not None:
        raise SpecError(f"{network!r} is too much: --dir stands for NETWORK", hint="leave one of both out")
    if network is None and folder is None:
        raise SpecError("name the switch", hint="either NETWORK or --dir DIR")
    path = Folder(folder or find(str(network)))
    try:
        return Client(path.control, timeout)
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
        raise NotRunningError(f"no switch runs in {path.path}", hint="start it with: vether serve FILE") from None
    except PermissionError:
        raise VetherError(
            f"the switch in {path.path} is another user's", hint="its user and root may ask it; try sudo"
        ) from None


def _stats_rows(stats: dict[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for name, counters in stats["ports"].items():
        drops = {reason: count for reason, count in counters["drops"].items() if count}
        numbers = {key: value for key, value in counters.items() if key != "drops"}
        text = ", ".join(f"{reason} {count}" for reason, count in drops.items())
        rows.append({"port": name, **numbers, "drops": text})
    return rows


def _print_stp(tree: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Print what is of the bridge, and return the rows of its ports."""
    if tree is None:
        click.echo("no spanning tree: the specification has no stp")
        return []
    root = "this bridge" if tree["is_root"] else f"{tree['root']} by {tree['root_port']}, cost {tree['root_path_cost']}"
    click.echo(f"bridge  {tree['bridge']}")
    click.echo(f"root    {root}")
    click.echo(
        f"times   hello {tree['hello_time']}, max age {tree['max_age']}, forward delay {tree['forward_delay']} s"
    )
    ago = tree["topology_changed_ago"]
    click.echo(f"changes {tree['topology_changes']}" + ("" if ago is None else f", the last {ago:.0f} s ago"))
    return [{key: value for key, value in row.items() if key != "counters"} for row in tree["ports"]]


def _peers_rows(peers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    columns = ("name", "up", "endpoint", "handshake", "mtu", "rx_bytes", "tx_bytes", "why")
    return [{column: peer[column] for column in columns} for peer in peers]


def print_table(rows: list[dict[str, Any]]) -> None:
    """Print rows under the names of their columns."""
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
    if isinstance(value, dict):
        return " ".join(f"{key}={item}" for key, item in value.items()) or "-"
    return f"{value:.1f}" if isinstance(value, float) else str(value) or "-"
