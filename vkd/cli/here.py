"""Which of a cluster file's hosts this machine is."""

import os
import socket
from collections.abc import Callable
from typing import Any

import click

from vkd.config import Loaded
from vkd.errors import ConfigError

#: Says which one, for commands that are not told by an option.
VARIABLE = "VKD_HOST"


def host_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option --host."""
    text = f"Which of the file's hosts this machine is; otherwise ${VARIABLE}, or the machine's own name, says it."
    return click.option("--host", metavar="NAME", help=text)(command)


def here(loaded: Loaded, asked: str | None) -> Loaded:
    """Return this machine's part of a cluster; `asked` is what --host says. Raises `ConfigError` if that is unclear."""
    part = here_if_known(loaded, asked)
    if part is None:
        names = ", ".join(loaded.hosts.by_name)
        raise ConfigError(
            f"{loaded.source} is for the hosts {names}, and this machine, {socket.gethostname()}, is none of them",
            hint=f"say which one it is: --host NAME, or {VARIABLE}=NAME",
        )
    return part


def here_if_known(loaded: Loaded, asked: str | None) -> Loaded | None:
    """Return this machine's part of a cluster, or nothing if it is not known which one it is."""
    if asked is not None:
        return loaded.at(asked)
    if not loaded.hosts.by_name:
        return loaded
    if chosen := os.environ.get(VARIABLE):
        return loaded.at(chosen)
    full = socket.gethostname().lower()
    name = next((name for name in (full, full.split(".")[0]) if name in loaded.hosts.by_name), None)
    return None if name is None else loaded.at(name)
