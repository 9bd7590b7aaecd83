"""A profile of a guest: samples drawn from its vkernel for as long as somebody takes them."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import trio

from vkd.profile.sample import Batch
from vkd.supervisor.host import Host

#: Seconds between two readings. A ring of the machine holds some seconds of samples.
_EVERY = 0.25
_STOP_LIMIT = 2.0


async def profile(
    host: Host,
    folder: Path,
    send: Callable[[Batch], Awaitable[None]],
    *,
    hz: int,
    seconds: float | None,
    task_name: int | None,
) -> None:
    """Sample the guest of `folder` for `seconds`, or until cancelled, and `send` what comes; ends early with the guest.

    Raises `ControlError` when the vkernel refuses, `OSError` when there is none.
    """
    await host.call(folder, "profile-start", hz=hz, task_name=task_name)
    end = trio.current_time() + (seconds if seconds is not None else float("inf"))
    try:
        while (left := end - trio.current_time()) > 0:
            await trio.sleep(min(_EVERY, left))
            if not await _drain(host, folder, send):
                return
    finally:
        with trio.move_on_after(_STOP_LIMIT, shield=True):
            await _stop(host, folder)
    await _drain(host, folder, send)


async def _drain(host: Host, folder: Path, send: Callable[[Batch], Awaitable[None]]) -> bool:
    """Send all that waits; return whether the guest is still there."""
    while True:
        try:
            batch = msgspec.convert(await host.call(folder, "profile-read"), Batch)
        except OSError:
            return False
        await send(batch)
        if len(batch.samples) == 0:
            return True


async def _stop(host: Host, folder: Path) -> None:
    try:
        await host.call(folder, "profile-stop")
    except OSError:
        return  # it is gone
