"""Write the reference of the command line: `python -m vkd.cli.reference [FOLDER]`."""

import sys
from pathlib import Path

import click

from vkd.cli.app import COMMANDS, vkd

FOLDER = Path("docs/reference")

_HEAD = """# The command line

Generated from `vkd/cli/` by `python -m vkd.cli.reference`; change it there.

"""


def reference() -> str:
    """Return the reference page, Markdown."""
    context = click.Context(vkd, info_name="vkd", **vkd.context_settings)
    parts = [_HEAD + _section("vkd", vkd, context)]
    for name in COMMANDS:
        command = vkd.get_command(context, name)
        assert command is not None  # noqa: S101 - it is in the table
        parts += _with_subcommands(name, command, context)
    return "\n".join(parts)


def _with_subcommands(name: str, command: click.Command, parent: click.Context) -> list[str]:
    context = click.Context(command, info_name=name, parent=parent, **command.context_settings)
    parts = [_section(context.command_path, command, context)]
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            parts += _with_subcommands(inner.name or "", inner, context)
    return parts


def _section(title: str, command: click.Command, context: click.Context) -> str:
    context.terminal_width = 100
    return f"## {title}\n\n```\n{command.get_help(context)}\n```\n"


def write(folder: Path = FOLDER) -> None:
    """Write `cli.md` into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cli.md").write_text(reference())


if __name__ == "__main__":
    write(*map(Path, sys.argv[1:2]))
