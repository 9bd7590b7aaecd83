"""`vkd ps`. This path must stay fast: nothing heavy is imported on it (a test looks)."""

import time

import click

from vkd.api import Row
from vkd.cli.client import rows
from vkd.cli.complete import clusters
from vkd.cli.output import emit_json, emit_table, human_size, human_time

_HEAD = ("CLUSTER", "NAME", "STATE", "STAGE", "UP", "CPUS", "MEMORY", "ADDRESS", "SSH", "RESTARTS", "REASON")
#: Columns that most tables do not have.
_RARE = ("RESTARTS", "REASON")


@click.command()
@click.argument("cluster", required=False, shell_complete=clusters)
@click.option("-a", "--all", "everything", is_flag=True, help="List stopped guests too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def ps(cluster: str | None, everything: bool, as_json: bool) -> None:
    """List guests."""
    found = rows(cluster, everything=everything)
    if as_json:
        emit_json(found)
    else:
        now = time.time()
        emit_table(_HEAD, (_cells(row, now) for row in found), _RARE)


def _cells(row: Row, now: float) -> tuple[object, ...]:
    return (
        row.cluster,
        row.name,
        row.state,
        row.stage,
        None if row.started is None else human_time(now - row.started),
        row.cpus,
        human_size(row.memory),
        " ".join(row.addresses),
        row.ssh_port,
        row.restarts or None,
        row.reason,
    )
