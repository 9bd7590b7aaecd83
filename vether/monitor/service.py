"""The control operation `monitor`."""

import os
from typing import Any

import trio

from vether import __version__
from vether.control.aio import Call
from vether.monitor.feed import Follower
from vether.monitor.watch import Watch


async def monitor(watch: Watch, network: str, call: Call) -> dict[str, Any]:
    """Send events until the client hangs up or the daemon ends. Returns how many were sent, and how many were lost."""
    tally: dict[str, Any] | None = None
    with watch.follow(network=network, version=__version__, pid=os.getpid()) as follower:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_end_with, call, follower)
            tally = await _send(call, follower)
            nursery.cancel_scope.cancel()
    if tally is None:
        raise trio.BrokenResourceError
    return tally


async def _end_with(call: Call, follower: Follower) -> None:
    await call.hung_up()
    follower.end()


async def _send(call: Call, follower: Follower) -> dict[str, Any] | None:
    """Send what there is until it ends; return None if the client is gone altogether."""
    sent = lost = 0
    try:
        while (event := await follower.take()) is not None:
            await call.send(event)
            sent += 1
            lost += event["count"] if event["event"] == "lost" else 0
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        return None
    return {"events": sent, "lost": lost}
