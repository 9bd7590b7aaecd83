"""`vkd inspect`."""

import click

from vkd.cli import client
from vkd.cli.complete import guests
from vkd.cli.output import emit_json


@click.command()
@click.argument("name", shell_complete=guests)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, as it does anyway.")
def inspect(name: str, as_json: bool) -> None:
    """Print all that is known of a guest, as JSON: state, configuration, files, devices and counters."""
    emit_json(client.inspect(name))
