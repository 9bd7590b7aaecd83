"""The operating system, as supervision of networks sees it: where switches are started, found and asked."""

from pathlib import Path
from typing import Any, Protocol

import trio

from vether.control import ControlError, ProtocolError, aio
from vkd import python
from vkd.api import from_control
from vkd.supervisor import process
from vkd.supervisor.host import Process
from vkd.supervisor.record import Identity

#: What a network's folder holds.
SPEC, CONTROL, LOG = "network.msgpack", "ctl", "vether.log"

#: A switch must answer so soon after its start, seconds.
ANSWER = 15.0


class SwitchHost(Protocol):
    """The operating system, as networks' supervision sees it."""

    def launch(self, folder: Path) -> Process:
        """Start the switch of `folder`. Raises `VkdError`."""

    def adopt(self, folder: Path, known: Identity | None) -> Process | None:
        """Return the switch that runs in `folder`, if one does. Raises `VkdError`."""

    async def call(self, folder: Path, op: str, **args: object) -> Any:
        """Run an operation of the switch. Raises `OSError` when it does not answer, `VkdError` when it refuses."""


class LocalSwitchHost:
    """The real thing: `vether serve FILE --dir DIR`."""

    def launch(self, folder: Path) -> Process:
        """Start the switch of `folder`."""
        return process.launch(folder, python.argv("vether", "serve", str(folder / SPEC), "--dir", str(folder)), LOG)

    def adopt(self, folder: Path, known: Identity | None) -> Process | None:
        """Return the switch that runs in `folder`, if one does."""
        return process.adopt(folder, known, "vether", CONTROL)

    async def call(self, folder: Path, op: str, **args: object) -> Any:
        """Run an operation of the switch."""
        try:
            with trio.fail_after(ANSWER):
                return await aio.call(folder / CONTROL, op, **args)
        except ControlError as error:
            refusal = from_control(error)
            raise type(refusal)(f"the switch refuses {op}: {error.message}", hint=error.hint) from error
        except (ProtocolError, trio.TooSlowError, trio.BrokenResourceError) as error:
            raise OSError(f"{folder / CONTROL}: {error}") from error
