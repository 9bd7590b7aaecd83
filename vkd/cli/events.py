"""`vkd events`."""

import click

from vkd.api import Event
from vkd.cli.client import connect, follow, no_such_cluster
from vkd.cli.complete import clusters
from vkd.cli.output import clock, emit_json_line, human_size, printable


@click.command()
@click.argument("cluster", required=False, shell_complete=clusters)
@click.option("-f", "--follow", "on", is_flag=True, help="Go on printing what happens, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def events(cluster: str | None, on: bool, as_json: bool) -> None:
    """Print what has happened to clusters and guests."""
    client = connect(timeout=None)
    if client is None:
        if cluster is not None:
            raise no_such_cluster(cluster)
        return
    with client:
        for event in follow(client, "events", cluster=cluster, follow=on):
            if as_json:
                emit_json_line(event)
            else:
                click.echo(printable(_text(event)))


def _text(event: Event) -> str:
    where = "/".join(part for part in (event.cluster, event.guest) if part)
    what: list[str | None] = [event.state, event.stage, event.what, event.message]
    if event.done is not None:
        what.append(human_size(event.done) + (f" of {human_size(event.total)}" if event.total else ""))
    text = " ".join(part for part in what if part)
    return f"{clock(event.time)} {where or '-'} {event.kind} {text}" + (f": {event.reason}" if event.reason else "")
