"""Events, numbered and timed, for followers that may stall: each has a queue with an end, and is told what it lost."""

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Protocol

import trio

#: Events that wait for a follower; further ones are lost to it.
QUEUE = 1024
#: Events a second, and at once. Beyond that they are lost to everybody.
RATE, BURST = 1000.0, 2000.0

#: `time` (RFC 3339, UTC), `seq`, `event`, and what belongs to the event.
Event = dict[str, Any]


class Publish(Protocol):
    """Tells of an event. Fields that are None are left out."""

    def __call__(self, event: str, **fields: object) -> None:
        """Publish the event called `event`."""


def ignore(event: str, **fields: object) -> None:
    """Publish nothing: for whoever has no feed."""


class Follower:
    """One who is given events."""

    def __init__(self) -> None:
        self._queue: deque[Event] = deque()
        self._arrived = trio.Event()
        self._ended = False

    def give(self, event: Event) -> None:
        """Queue `event`, or count it as lost."""
        if len(self._queue) < QUEUE:
            self._append(event)
        else:
            self.lose(1, event)

    def lose(self, count: int, last: Event) -> None:
        """Tell of `count` events that were lost; `last` has the last one's time and number."""
        if self._queue and self._queue[-1]["event"] == "lost":
            count += self._queue.pop()["count"]
        self._append({"time": last["time"], "seq": last["seq"], "event": "lost", "count": count})

    def end(self) -> None:
        """Let :meth:`take` return None after what is queued."""
        self._ended = True
        self._arrived.set()

    async def take(self) -> Event | None:
        """Return the next event; wait for one if need be. None when there are no more."""
        while not self._queue:
            if self._ended:
                return None
            self._arrived = trio.Event()
            await self._arrived.wait()
        return self._queue.popleft()

    def _append(self, event: Event) -> None:
        self._queue.append(event)
        self._arrived.set()


class Feed:
    """Gives what is published to all followers. The number of an event is one more than that of the one before."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._wall = wall
        self._followers: set[Follower] = set()
        self._room, self._filled = BURST, clock()
        self._ended = False
        #: How many events there were.
        self.count = 0

    def publish(self, event: str, **fields: object) -> None:
        """Give an event to all; see :class:`Publish`."""
        self.count += 1
        if not self._followers:
            return
        made = self._stamp(event, fields)
        if self._may_pass():
            for follower in self._followers:
                follower.give(made)
        else:
            self._tell_lost(1)

    def lose(self, count: int) -> None:
        """Tell all of `count` events that were lost before they could be published."""
        if count:
            self.count += count
            self._tell_lost(count)

    @contextlib.contextmanager
    def follow(self, **begin: object) -> Iterator[Follower]:
        """Give all events from now on, after the event `begin` with those fields, which nobody else is given."""
        follower = Follower()
        follower.give(self._stamp("begin", begin))
        self._followers.add(follower)
        if self._ended:
            follower.end()
        try:
            yield follower
        finally:
            self._followers.discard(follower)

    @property
    def followers(self) -> int:
        """How many follow."""
        return len(self._followers)

    def end(self) -> None:
        """Let everybody read what there is, and no more."""
        self._ended = True
        for follower in self._followers:
            follower.end()

    def _tell_lost(self, count: int) -> None:
        last = self._stamp("lost", {})
        for follower in self._followers:
            follower.lose(count, last)

    def _stamp(self, event: str, fields: dict[str, object]) -> Event:
        moment = datetime.fromtimestamp(self._wall(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        given = {key: value for key, value in fields.items() if value is not None}
        return {"time": moment, "seq": self.count, "event": event, **given}

    def _may_pass(self) -> bool:
        now = self._clock()
        self._room = min(self._room + max(now - self._filled, 0.0) * RATE, BURST)
        self._filled = now
        if self._room < 1:
            return False
        self._room -= 1
        return True
