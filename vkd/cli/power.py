"""`vkd down`, `start`, `stop` and `restart`."""

import time
from pathlib import Path
from typing import Any

import click
import msgspec

from vkd.api import Row
from vkd.cli.client import connect, control_errors, follow, no_such_cluster, no_such_guest
from vkd.cli.complete import clusters, guests
from vkd.cli.output import emit_json
from vkd.cli.progress import Lines, failures

#: A daemon that is not needed any more ends within so long, seconds.
_PATIENCE = 10.0


@click.command()
@click.argument("cluster", required=False, shell_complete=clusters)
@click.option("--all", "everything", is_flag=True, help="End every cluster.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def down(cluster: str | None, everything: bool, as_json: bool) -> None:
    """End a cluster: its guests power off, and nothing of it is left behind.

    Without CLUSTER, the one that runs.
    """
    client = connect(timeout=None)
    ended: list[str] = []
    if client is not None:
        with client:
            lines = Lines(quiet=as_json, clusters=everything)
            answer = _run(client, "down", lines, cluster=cluster, all=everything)
            ended = answer["clusters"]
            _end_daemon(client)
    elif cluster:
        raise no_such_cluster(cluster)
    if as_json:
        emit_json({"clusters": ended})
    else:
        click.echo("\n".join(f"{name} is down" for name in ended) or "no cluster runs")


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=guests)
@click.option("--json", "as_json", is_flag=True, help="Print the guests as JSON.")
def start(names: tuple[str, ...], as_json: bool) -> None:
    """Start guests that were stopped or have failed, and wait until they are ready."""
    _act("start", names, as_json)


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=guests)
@click.option("--json", "as_json", is_flag=True, help="Print the guests as JSON.")
def stop(names: tuple[str, ...], as_json: bool) -> None:
    """Power guests off; one that does not within its `stop_timeout` is ended."""
    _act("stop", names, as_json)


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=guests)
@click.option("--json", "as_json", is_flag=True, help="Print the guests as JSON.")
def restart(names: tuple[str, ...], as_json: bool) -> None:
    """Stop guests and start them again."""
    _act("restart", names, as_json)


def _act(op: str, names: tuple[str, ...], as_json: bool) -> None:
    client = connect(timeout=None)
    if client is None:
        raise no_such_guest(names[0])
    with client:
        lines = Lines(quiet=as_json)
        answer = _run(client, op, lines, guests=list(names))
    found = msgspec.convert(answer, list[Row])
    if as_json:
        emit_json(found)
    if op != "stop":
        failures(found, lines.board)


def _run(client: Any, op: str, lines: Lines, **arguments: object) -> Any:
    stream = follow(client, op, **arguments)
    while True:
        try:
            lines.show(next(stream))
        except StopIteration as end:
            return end.value


def _end_daemon(client: Any) -> None:
    """End the daemon and wait for that, if it was started on demand and has nothing left to do."""
    with control_errors():
        daemon = client.call("ping")
        if not daemon.get("on_demand") or client.call("ps", cluster=None, all=True):
            return
        client.call("shutdown")
    process = Path("/proc") / str(daemon["pid"])
    deadline = time.monotonic() + _PATIENCE
    while process.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
