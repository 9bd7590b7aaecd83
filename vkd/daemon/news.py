"""Events: into the store's journal, and to everybody who follows them."""

import logging
import math
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import msgspec
import trio

from vkd.api import Event
from vkd.store import SqliteStore, StoreError

log = logging.getLogger(__name__)

#: A follower that is so many events behind is cut off.
BACKLOG = 10_000


class Follower:
    """Events as they come, until `finish` or too many are left unread."""

    def __init__(self, cluster: str | None) -> None:
        self.cluster = cluster
        self._send, self._receive = trio.open_memory_channel[Event](math.inf)

    def give(self, event: Event) -> bool:
        """Queue `event`; return False when the follower is too far behind and has been cut off."""
        if self._send.statistics().current_buffer_used >= BACKLOG:
            self.finish()
            return False
        self._send.send_nowait(event)
        return True

    def finish(self) -> None:
        """Let `events` end after what is queued."""
        self._send.close()

    async def events(self) -> AsyncIterator[Event]:
        """Yield each event."""
        async for event in self._receive:
            yield event


class News:
    """Publishes events and keeps the past ones."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._followers: set[Follower] = set()

    def publish(self, event: Event) -> None:
        """Write `event` down, but for mere progress, and pass it on."""
        if event.kind != "progress":
            try:
                self._store.append_event(event.cluster, msgspec.to_builtins(event))
            except StoreError as error:
                log.error("an event is not kept: %s", error)  # noqa: TRY400 - where is of no interest
        for follower in tuple(self._followers):
            if follower.cluster in {None, event.cluster} and not follower.give(event):
                self._followers.discard(follower)

    def past(self, cluster: str | None) -> list[Event]:
        """Return the events that are kept, oldest first."""
        return [msgspec.convert(value, Event) for value in self._store.past_events(cluster)]

    def forget(self, cluster: str) -> None:
        """Drop the past events of a cluster that is gone."""
        self._store.forget_events(cluster)

    @contextmanager
    def follow(self, cluster: str | None) -> Iterator[Follower]:
        """Give every event from now on, of one cluster or of all."""
        follower = Follower(cluster)
        self._followers.add(follower)
        try:
            yield follower
        finally:
            self._followers.discard(follower)
            follower.finish()
