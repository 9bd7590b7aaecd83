"""Clearing the folder of a cluster that no store knows: whatever process holds a part of it is ended first."""

import shutil
import signal
from pathlib import Path

import trio

from vkd.supervisor import process

#: Who may hold a folder: the module that runs in it and its control socket.
_HOLDERS = (("vkd.vkernel", "control.sock"), ("vether", "ctl"))

_GRACE = 10.0


async def sweep(folder: Path) -> None:
    """End the processes below `folder` and remove it. Raises `VkdError` for a process that cannot be told."""
    if not folder.is_dir():
        return
    async with trio.open_nursery() as nursery:
        for part in folder.iterdir():
            if part.is_dir() and process.held(part):
                nursery.start_soon(_clear, part)
    shutil.rmtree(folder, ignore_errors=True)


async def _clear(folder: Path) -> None:
    module, control = _HOLDERS[folder.name.startswith("@")]
    running = process.adopt(folder, None, module, control)
    if running is None:
        return
    try:
        for number in (signal.SIGTERM, signal.SIGKILL):
            running.signal(number)
            with trio.move_on_after(_GRACE):
                await running.wait()
                return
    finally:
        running.close()
