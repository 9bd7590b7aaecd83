"""`vkd validate` and `vkd schema`."""

from pathlib import Path

import click

from vkd.cli.here import here_if_known, host_option
from vkd.cli.output import emit_json
from vkd.cli.up import find_file, say_warnings
from vkd.config import load
from vkd.config.memory import available_memory
from vkd.config.problem import InvalidFileError


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@host_option
@click.option("--json", "as_json", is_flag=True, help="Print the problems, or the resolved cluster, as JSON.")
def validate(file: Path | None, host: str | None, as_json: bool) -> int | None:
    """Check a cluster file, and whether this machine has the files and the memory that it asks for.

    A warning tells what is valid and hardly meant, such as a card whose VLAN keeps the gateway from it.

    A file for several hosts is checked for all of them; what this machine has to have, only if it is one of them.
    """
    file = find_file(file)
    try:
        whole = load(file)
        loaded = here_if_known(whole, host)
        if loaded is not None:
            loaded.check_host(available_memory())
            loaded.check_key()
    except InvalidFileError as error:
        if not as_json:
            raise
        emit_json({"valid": False, "problems": _told(error.problems)})
        return error.exit_code
    if loaded is not None:
        loaded.check_files()
    checked = loaded or whole
    cluster = checked.cluster
    if as_json:
        emit_json({"valid": True, "warnings": _told(checked.warnings()), "cluster": cluster})
    else:
        say_warnings(checked)
        counts = (_count(len(cluster.guests), "guest"), _count(len(cluster.networks), "network"))
        part = "" if cluster.host is None else f" on host {cluster.host}"
        click.echo(f"{file}: valid: cluster {cluster.name}{part}, {', '.join(counts)}")
    return None


@click.command()
def schema() -> None:
    """Print the JSON schema of the cluster file, for editors."""
    from vkd.config.reference import json_schema  # noqa: PLC0415 - the generator is for this command only

    click.echo(json_schema(), nl=False)


def _told(found: list[tuple[int | None, str]]) -> list[dict[str, int | str | None]]:
    return [{"line": line, "text": text} for line, text in found]


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
