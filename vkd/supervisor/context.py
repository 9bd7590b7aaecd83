"""What all guests of a daemon share, and the news that one guest's tasks tell each other."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import trio

from vkd.api import Event
from vkd.supervisor.host import Host


def boot_slots() -> int:
    """Return how many guests may boot at the same time: as many as this process has cores, at least two."""
    return max(2, len(os.sched_getaffinity(0)))


@dataclass
class Context:
    """The surroundings of supervision."""

    host: Host
    publish: Callable[[Event], None]
    #: Guests that boot hold one of these; the others wait, so that a storm of boots does not starve every one.
    gate: trio.CapacityLimiter = field(default_factory=lambda: trio.CapacityLimiter(boot_slots()))
    #: Seconds since the epoch.
    clock: Callable[[], float] = time.time


class Bell:
    """Wakes everybody who waits for a condition to be looked at again."""

    def __init__(self) -> None:
        self._event = trio.Event()

    def ring(self) -> None:
        """Something changed."""
        self._event.set()
        self._event = trio.Event()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return once `condition` holds."""
        while not condition():
            await self._event.wait()
        await trio.lowlevel.checkpoint()
