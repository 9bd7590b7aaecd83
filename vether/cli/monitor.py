"""`vether monitor`: what happens at a switch, as it happens."""

import json
import signal
from pathlib import Path
from typing import Any

import click

from vether.cli.client import connect, folder_option
from vether.control.client import Client


@click.command()
@click.argument("network", required=False)
@folder_option
@click.option("--json/--text", "as_json", default=True, help="One JSON object a line (the default), or for people.")
def monitor(network: str | None, folder: Path | None, *, as_json: bool) -> None:
    """Print what happens at NETWORK as it happens, until interrupted or the switch ends.

    Ports and who is connected to them, addresses, spanning tree, loops, neighbours, peers, and what was changed:
    docs/vether.md has all events.
    """
    with connect(network, folder, timeout=None) as client:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, _frame: _end(client, number))
        try:
            for event in client.stream("monitor"):
                # The pipe behind it is to have each event at once.
                click.echo(json.dumps(event) if as_json else _line(event))
        except BrokenPipeError:
            return


def _end(client: Client, number: int) -> None:
    """End well at the first signal, and at once at the second."""
    signal.signal(number, signal.SIG_DFL)
    client.hang_up()


def _line(event: dict[str, Any]) -> str:
    rest = {key: value for key, value in event.items() if key not in {"time", "seq", "event"}}
    fields = " ".join(f"{key}={_value(value)}" for key, value in rest.items())
    return f"{event['time']} {event['event']} {fields}".rstrip()


def _value(value: object) -> str:
    # What neighbours call themselves is theirs to choose: nothing of it may control a terminal.
    is_plain = isinstance(value, str) and value.isprintable() and " " not in value
    return str(value) if is_plain else json.dumps(value)
