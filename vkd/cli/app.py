"""The `vkd` command: its subcommands by name, each imported when it is used."""

import difflib
import importlib
from typing import Any

import click

#: Where each subcommand is, in the order of the help.
COMMANDS = {
    "up": "vkd.cli.up:up",
    "down": "vkd.cli.power:down",
    "ps": "vkd.cli.ps:ps",
    "start": "vkd.cli.power:start",
    "stop": "vkd.cli.power:stop",
    "restart": "vkd.cli.power:restart",
    "ssh": "vkd.cli.ssh:ssh",
    "exec": "vkd.cli.ssh:execute",
    "cp": "vkd.cli.ssh:copy",
    "ssh-config": "vkd.cli.ssh:ssh_config",
    "console": "vkd.cli.console:console",
    "logs": "vkd.cli.logs:logs",
    "inspect": "vkd.cli.inspect:inspect",
    "top": "vkd.cli.top:top",
    "profile": "vkd.cli.profile:profile",
    "events": "vkd.cli.events:events",
    "image": "vkd.cli.image:image",
    "validate": "vkd.cli.validate:validate",
    "schema": "vkd.cli.validate:schema",
    "key": "vkd.cli.key:key",
    "doctor": "vkd.cli.doctor:doctor",
    "completion": "vkd.cli.complete:completion",
    "daemon": "vkd.cli.daemon:daemon",
}


class LazyGroup(click.Group):
    """A group that knows its commands by name alone until one is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name].split(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that `args` begin with; an unknown one gets the nearest name as a hint."""
        if args[0] not in COMMANDS and not args[0].startswith("-") and not ctx.resilient_parsing:
            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(COMMANDS)}"
            raise click.UsageError(f"There is no command {args[0]!r}; {hint}", ctx)
        return super().resolve_command(ctx, args)


def _version(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        click.echo(f"vkd {installed_version()}")
        ctx.exit()


def installed_version() -> str:
    """Return the version of the installed distribution."""
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - slow, and rarely wanted

    try:
        return version("vkd")
    except PackageNotFoundError:
        return "unknown"


_SETTINGS: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(cls=LazyGroup, context_settings=_SETTINGS)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Say which vkd this is."
)
def vkd() -> None:
    """Clusters of virtual machines on any Linux host, without KVM and without root.

    `vkd up` starts what a cluster file describes, `vkd ssh NAME` logs in, `vkd down` ends it. A guest is named NAME, or
    CLUSTER/NAME where the name alone is ambiguous.

    Exit codes: 0 done, 1 failed, 2 wrong usage or cluster file, 3 no such guest, 4 a wait timed out, 5 the host lacks
    something, 130 interrupted; ssh and exec pass on the code of the command in the guest.
    """
