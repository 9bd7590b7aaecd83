"""Completion: of guest and cluster names while typing, and the scripts that shells load for it."""

from contextlib import suppress

import click

from vkd.api import Row


def guests(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Complete the reference of a guest: its name, and CLUSTER/NAME once there is a slash or no other way."""
    found = _rows()
    names = [row.name for row in found]
    words = [row.name if names.count(row.name) == 1 else f"{row.cluster}/{row.name}" for row in found]
    if "/" in incomplete:
        words = [f"{row.cluster}/{row.name}" for row in found]
    return [word for word in words if word.startswith(incomplete)]


def clusters(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Complete the name of a cluster."""
    return sorted({row.cluster for row in _rows() if row.cluster.startswith(incomplete)})


def _rows() -> list[Row]:
    from vkd.cli.client import rows  # noqa: PLC0415 - a completion of options does not need it

    with suppress(Exception):  # a completion that fails completes nothing
        return rows()
    return []


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script that makes SHELL complete vkd's commands and guests.

    For bash: source <(vkd completion bash)
    """
    from click.shell_completion import get_completion_class  # noqa: PLC0415 - see above

    from vkd.cli.app import vkd  # noqa: PLC0415 - the group imports this module

    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - click knows these three
    # From the template: `source()` runs the shell to learn its version, and warns of it within the script.
    instance = kind(vkd, {}, "vkd", "_VKD_COMPLETE")
    click.echo(instance.source_template % instance.source_vars())
