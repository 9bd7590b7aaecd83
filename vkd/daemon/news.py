"""Events: into the store's journal, and to everybody who follows them."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import trio

from vkd.api import Event
from vkd.store import SqliteStore

#: A follower that is so many events behind is cut off.
BACKLOG = 10_000


class News:
    """Publishes events and keeps the past ones."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._followers: dict[trio.MemorySendChannel[Event], str | None] = {}

    def publish(self, event: Event) -> None:
        """Write `event` down, but for mere progress, and pass it on."""
        if event.kind != "progress":
            self._store.append_event(event.cluster, msgspec.to_builtins(event))
        for channel, cluster in tuple(self._followers.items()):
            if cluster is None or cluster == event.cluster:
                if channel.statistics().current_buffer_used >= BACKLOG:
                    del self._followers[channel]
                    channel.close()
                    continue
                channel.send_nowait(event)

    def past(self, cluster: str | None) -> list[Event]:
        """Return the events that are kept, oldest first."""
        return [msgspec.convert(value, Event) for value in self._store.past_events(cluster)]

    @contextmanager
    def follow(self, cluster: str | None) -> Iterator[trio.MemoryReceiveChannel[Event]]:
        """Give a channel of every event from now on."""
        send, receive = trio.open_memory_channel[Event](math.inf)
        self._followers[send] = cluster
        try:
            yield receive
        finally:
            self._followers.pop(send, None)
            send.close()
            receive.close()
