"""`vether flush`: forget what was learned."""

import json
from pathlib import Path

import click

from vether.cli.client import connect, folder_option


@click.command()
@click.argument("network", required=False)
@folder_option
@click.option("--port", help="Only what was learned at this port.")
@click.option("--vlan", type=click.IntRange(0, 4094), help="Only what is in this VLAN; 0 is what is in none.")
@click.option("--mac", help="Only this address, or group.")
@click.option("--groups", is_flag=True, help="Multicast groups and routers instead of addresses.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def flush(
    network: str | None,
    folder: Path | None,
    *,
    port: str | None,
    vlan: int | None,
    mac: str | None,
    groups: bool,
    as_json: bool,
) -> None:
    """Forget addresses that NETWORK has learned, and print how many. Fixed ones stay.

    Frames to what was forgotten are flooded until it is seen again; groups, until a querier asks for them again.
    """
    given = {"port": port, "vlan": vlan, "mac": mac}
    arguments = {key: value for key, value in given.items() if value is not None}
    with connect(network, folder) as client:
        answer = client.call("flush", what="groups" if groups else "addresses", **arguments)
    click.echo(json.dumps(answer, indent=2) if as_json else f"{answer['what']} forgotten: {answer['count']}")
