"""`vkd doctor`: whether this machine has what vkd needs, and what to do where it has not."""

import click
import msgspec

from vkd.cli.output import emit_json
from vkd.errors import HostLacksError

_MARKS = {"ok": "ok  ", "warning": "warn", "missing": "MISS"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(as_json: bool) -> int:
    """Look at what this machine has and lacks. Exit code 5 if something that is needed is missing."""
    from vkd.cli.checks import checks  # noqa: PLC0415 - the checks import what they check

    found = checks()
    if as_json:
        emit_json([msgspec.to_builtins(one) for one in found])
    else:
        width = max(len(one.name) for one in found)
        for one in found:
            click.echo(f"{_MARKS[one.status]}  {one.name.ljust(width)}  {one.detail}")
            if one.hint and one.status != "ok":
                click.echo(f"      {''.ljust(width)}  -> {one.hint}")
    return HostLacksError.exit_code if any(one.status == "missing" for one in found) else 0
