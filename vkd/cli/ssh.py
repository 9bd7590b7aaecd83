"""`vkd ssh`, `exec`, `cp` and `ssh-config`: the system's ssh, told where the guest is and which keys are right.

Host keys are made by vkd before the first boot, so checking is strict from the first login. The user's own ssh
configuration is left out of it: what works for one user works for the next.
"""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from typing import NoReturn

import click

from vkd.api import SshTarget
from vkd.cli.client import ask_guest, rows
from vkd.cli.complete import guests
from vkd.errors import ConfigError, HostLacksError, VkdError

_NO_CONFIG = ("-F", "none")

#: Options of the command, not of ours, follow the guest's name.
_PASS_ON = {"ignore_unknown_options": True, "allow_interspersed_args": False}


@click.command(context_settings=_PASS_ON)
@click.argument("name", shell_complete=guests)
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def ssh(name: str, command: tuple[str, ...]) -> None:
    """Log in to a guest, or run a command line in it: vkd ssh NAME [-- COMMAND].

    As with ssh, the words of COMMAND are joined and read by the guest's shell. The exit code is the command's. The
    command has a terminal where this one has one. For options of ssh's own: vkd ssh-config > FILE; ssh -F FILE NAME.
    """
    _check_no_option(name)
    words = [] if command[:1] != ("--",) else ["--"]
    command = command[len(words) :]
    terminal = ["-t"] if command and sys.stdin.isatty() and sys.stdout.isatty() else []
    target = _target(name)
    replace_process(["ssh", *_NO_CONFIG, *_options(target), *terminal, target.alias, *command])


@click.command("exec", context_settings=_PASS_ON)
@click.argument("name", shell_complete=guests)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def execute(name: str, command: tuple[str, ...]) -> None:
    """Run a program in a guest with exactly these words, without a terminal: vkd exec NAME -- PROGRAM ARGUMENT...

    The exit code is the program's.
    """
    _check_no_option(name)
    words = command[1:] if command[0] == "--" else command
    if not words:
        raise click.UsageError("name a program to run: vkd exec NAME -- PROGRAM")
    target = _target(name)
    replace_process(["ssh", *_NO_CONFIG, *_options(target), "-T", target.alias, shlex.join(words)])


@click.command("cp")
@click.option("-r", "--recursive", is_flag=True, help="Copy folders with all that is in them.")
@click.argument("paths", nargs=-1, required=True, metavar="SOURCE... TARGET")
def copy(recursive: bool, paths: tuple[str, ...]) -> int:
    """Copy files to and from guests, which are written NAME:PATH, with the system's scp."""
    if len(paths) < 2:
        raise ConfigError("name what to copy and where to", hint="vkd cp FILE NAME:PATH, or vkd cp NAME:PATH FILE")
    names = [name for name, path in map(_split, paths) if path is not None]
    if not names:
        raise ConfigError("none of these is in a guest", hint="write NAME:PATH; `vkd ps` lists the names")
    aliases = {name: f"guest-{at}" for at, name in enumerate(dict.fromkeys(names))}
    with tempfile.NamedTemporaryFile("w", prefix="vkd-ssh-", suffix=".conf") as config:
        config.write("".join(_block(alias, _target(name)) for name, alias in aliases.items()))
        config.flush()
        flags = ["-r"] if recursive else []
        words = [_place(path, aliases) for path in paths]
        # -3: between two guests, over this host; they hold no keys of each other.
        return subprocess.run([_program("scp"), "-F", config.name, "-3", *flags, "--", *words], check=False).returncode


@click.command("ssh-config")
@click.argument("name", required=False, shell_complete=guests)
def ssh_config(name: str | None) -> None:
    """Print a configuration for ssh, scp, rsync, Ansible and editors: vkd ssh-config > FILE; ssh -F FILE NAME.

    Each guest is a Host named NAME, where no two clusters share that name, and NAME.CLUSTER.
    """
    found = [row for row in rows() if row.ssh_port]
    count = Counter(row.name for row in found)
    if name is not None:
        target = _target(name)
        click.echo(_block(name.rsplit("/", 1)[-1], target), nl=False)
        return
    for row in found:
        hosts = f"{row.name}.{row.cluster}"
        if count[row.name] == 1:
            hosts = f"{row.name} {hosts}"
        click.echo(_block(hosts, _target(f"{row.cluster}/{row.name}")), nl=False)


def output_of(name: str, line: str, limit: float = 60.0) -> bytes:
    """Return what a command line in a guest prints. Raises `VkdError` when it fails, or takes over `limit` seconds."""
    target = _target(name)
    # The first of two settings of an option counts.
    argv = [_program("ssh"), *_NO_CONFIG, "-o", "ConnectTimeout=5", *_options(target), "-T", target.alias, line]
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=limit, check=True)
    except subprocess.TimeoutExpired:
        raise VkdError(f"{name} did not answer within {limit:g} s") from None
    except subprocess.CalledProcessError as error:
        last = error.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise VkdError(f"ssh: {last[0] if last else f'exit code {error.returncode}'}") from None
    return done.stdout


def replace_process(argv: list[str]) -> NoReturn:
    """Become the program `argv`, so that terminal, signals and exit code are its own."""
    program = _program(argv[0])
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(program, argv)  # noqa: S606 - no shell is wanted


def _check_no_option(name: str) -> None:
    """Raise `UsageError` for an option where the guest is to stand: click leaves those of the command alone."""
    if name.startswith("-"):
        hint = "options of ssh go with a configuration: vkd ssh-config > FILE; ssh -F FILE ..."
        raise click.UsageError(f"there is no option {name!r}; {hint}")


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise HostLacksError(f"there is no program {name}", hint="install openssh-client")
    return path


def _target(name: str) -> SshTarget:
    return ask_guest("ssh", SshTarget, name)


def _settings(target: SshTarget) -> dict[str, str]:
    return {
        "HostName": target.host,
        "Port": str(target.port),
        "User": target.user,
        "HostKeyAlias": target.alias,
        "UserKnownHostsFile": _quoted(target.known_hosts),
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "CheckHostIP": "no",
        "UpdateHostKeys": "no",
        "IdentityFile": _quoted(target.key),
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "PreferredAuthentications": "publickey",
        # The gateway accepts for a guest that is gone, and holds the connections of one that dies.
        "ConnectTimeout": "30",
        "ServerAliveInterval": "5",
        "ServerAliveCountMax": "3",
        "LogLevel": "ERROR",
    }


def _quoted(path: str) -> str:
    # ssh_config(5): arguments with spaces stand in double quotes; a percent sign begins a token.
    return '"' + path.replace("%", "%%") + '"'


def _options(target: SshTarget) -> list[str]:
    return [word for key, value in _settings(target).items() for word in ("-o", f"{key}={value}")]


def _block(hosts: str, target: SshTarget) -> str:
    return "".join([f"Host {hosts}\n", *(f"    {key} {value}\n" for key, value in _settings(target).items())])


def _split(path: str) -> tuple[str, str | None]:
    """Return (guest, path in it), or (path, nothing) for a file of the host; a slash before the colon may be either."""
    name, colon, rest = path.partition(":")
    if not colon or not name or path.startswith((".", "/")):
        return path, None
    return name, rest


def _place(path: str, aliases: dict[str, str]) -> str:
    name, inner = _split(path)
    if inner is not None:
        return f"{aliases[name]}:{inner}"
    # scp takes what stands before a colon for a host, unless a slash comes first.
    return path if path.startswith("/") else f"./{path}"
