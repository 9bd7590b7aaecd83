"""What the shells need of the operating system, as an interface that tests replace, and the real thing."""

import contextlib
import os
import signal
import subprocess
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, Protocol

import trio

from vether.control import ControlError, ProtocolError, aio
from vkd import python
from vkd.api import SshTarget
from vkd.supervisor import process
from vkd.supervisor.record import Identity
from vkd.vkernel.spec import CONSOLE, CONTROL, LOG

#: Options that every ssh of ours has: never ask, never trust what it was not told.
SSH_OPTIONS = (
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "IdentitiesOnly=yes",
    "GlobalKnownHostsFile=/dev/null",
    "LogLevel=ERROR",
)

_MODULE = "vkd.vkernel"
_BANNER_LIMIT = 5.0
_CALL_LIMIT = 5.0


class Process(Protocol):
    """A process under supervision."""

    identity: Identity

    @property
    def pid(self) -> int:
        """The process id."""

    async def wait(self) -> int | None:
        """Wait for the end; return the status if it can be known."""

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""

    def close(self) -> None:
        """Let go of it."""


class Host(Protocol):
    """The operating system, as guests' supervision sees it."""

    def launch(self, folder: Path) -> Process:
        """Start the vkernel of `folder`. Raises `VkdError`."""

    def adopt(self, folder: Path, known: Identity | None) -> Process | None:
        """Return the vkernel that runs in `folder`, if one does. Raises `VkdError`."""

    def console(self, folder: Path) -> AsyncGenerator[bytes, None]:
        """Yield the console of the vkernel of `folder` until it is cut. Raises `OSError` when it cannot be had."""

    async def status(self, folder: Path) -> dict[str, Any]:
        """Return the vkernel's status. Raises `OSError`."""

    async def call(self, folder: Path, op: str, **args: object) -> Any:
        """Run another operation of the vkernel of `folder`. Raises `OSError`, or `ControlError` where it refuses."""

    async def answers(self, port: int) -> bool:
        """Whether an ssh server answers at `port` of this host's loopback."""

    async def power_off(self, target: SshTarget) -> bool:
        """Run `poweroff` in a guest; return whether ssh says that it was run."""


class LocalHost:
    """The real thing."""

    def launch(self, folder: Path) -> Process:
        """Start the vkernel of `folder`."""
        return process.launch(folder, python.argv(_MODULE, str(folder)), LOG)

    def adopt(self, folder: Path, known: Identity | None) -> Process | None:
        """Return the vkernel that runs in `folder`, if one does."""
        return process.adopt(folder, known, _MODULE, CONTROL)

    async def console(self, folder: Path) -> AsyncGenerator[bytes, None]:
        """Yield the console of the vkernel of `folder` until it is cut."""
        async with await trio.open_unix_socket(str(folder / CONSOLE)) as stream:
            with contextlib.suppress(trio.BrokenResourceError):
                async for data in stream:
                    yield bytes(data)

    async def status(self, folder: Path) -> dict[str, Any]:
        """Return the vkernel's status."""
        try:
            value = await self.call(folder, "status")
        except ControlError as error:
            raise OSError(f"{folder / CONTROL}: {error}") from error
        return value if isinstance(value, dict) else {}

    async def call(self, folder: Path, op: str, **args: object) -> Any:
        """Run another operation of the vkernel of `folder`."""
        try:
            with trio.fail_after(_CALL_LIMIT):
                return await aio.call(folder / CONTROL, op, **args)
        except (ProtocolError, trio.TooSlowError, trio.BrokenResourceError) as error:
            raise OSError(f"{folder / CONTROL}: {error}") from error

    async def answers(self, port: int) -> bool:
        """Whether an ssh server answers at `port` of this host's loopback (RFC 4253, section 4.2)."""
        with trio.move_on_after(_BANNER_LIMIT), contextlib.suppress(OSError, trio.BrokenResourceError):
            async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
                return (await stream.receive_some(256)).startswith(b"SSH-2.0")
        return False

    async def power_off(self, target: SshTarget) -> bool:
        """Run `poweroff` in a guest; return whether ssh says that it was run."""
        become = "" if target.user == "root" else "sudo -n "
        try:
            done = await trio.run_process(
                [*ssh_argv(target), f"{become}poweroff"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,  # the guest's, and without a bound
                stderr=subprocess.DEVNULL,
                check=False,
                start_new_session=True,
            )
        except OSError:
            return False  # this host has no ssh
        return done.returncode == 0


def ssh_argv(target: SshTarget) -> list[str]:
    """Return the system's ssh as it reaches `target`, without a command."""
    options = [
        *SSH_OPTIONS,
        f"UserKnownHostsFile={target.known_hosts}",
        f"HostKeyAlias={target.alias}",
        "ConnectTimeout=10",
    ]
    given = [word for option in options for word in ("-o", option)]
    login = f"{target.user}@{target.host}"
    return ["ssh", "-F", os.devnull, "-p", str(target.port), "-i", target.key, *given, login]
