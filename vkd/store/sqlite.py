"""The embedded store: one SQLite file, one writer (the daemon, which holds a lock on its folder).

Statements run in the event loop: each is one small write-ahead append, shorter than a hop to a thread.
"""

import math
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgpack
import trio

from vkd.store.interface import Change, ConflictError, Entry
from vkd.store.schema import connect, failed


class SqliteStore:
    """A :class:`~vkd.store.interface.Store` in one file, with a journal of the last `journal` events beside it."""

    def __init__(self, path: Path, *, journal: int = 10_000, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives seconds since the epoch, for leases: they outlive the daemon."""
        self.path = path
        self._db = connect(path)
        self._journal = journal
        self._clock = clock
        self._watchers: dict[trio.MemorySendChannel[Change], str] = {}

    def close(self) -> None:
        """Close the file; its write-ahead log is merged and removed."""
        self._db.close()

    def remove(self) -> None:
        """Close and remove the file with all that is in it."""
        self.close()
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                if self._db.in_transaction:  # SQLite itself rolls back when the disk is full
                    self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise failed(self.path, error) from error

    def _expire(self) -> None:
        now = self._clock()
        query = "SELECT key FROM entries JOIN leases ON lease = leases.id WHERE expires <= ?"
        keys = [row[0] for row in self._db.execute(query, (now,))]
        self._db.execute("DELETE FROM leases WHERE expires <= ?", (now,))
        for key in keys:
            self._tell(Change(key, None))

    def _revision(self, key: str) -> int:
        row = self._db.execute("SELECT revision FROM entries WHERE key = ?", (key,)).fetchone()
        return int(row[0]) if row else 0

    def _check(self, key: str, expect: int | None) -> int:
        found = self._revision(key)
        if expect is not None and found != expect:
            raise ConflictError(f"{key} is at revision {found}, not {expect}", hint="read it again and retry")
        return found

    async def get(self, key: str) -> Entry | None:
        """Return the entry of `key`, or None."""
        await trio.lowlevel.checkpoint()
        with self._transaction() as db:
            self._expire()
            row = db.execute("SELECT value, revision FROM entries WHERE key = ?", (key,)).fetchone()
        return Entry(_unpack(row[0]), row[1]) if row else None

    async def scan(self, prefix: str) -> dict[str, Entry]:
        """Return all entries whose key begins with `prefix`, by key in order."""
        await trio.lowlevel.checkpoint()
        with self._transaction() as db:
            self._expire()
            query = "SELECT key, value, revision FROM entries WHERE substr(key, 1, ?) = ? ORDER BY key"
            rows = db.execute(query, (len(prefix), prefix)).fetchall()
        return {key: Entry(_unpack(value), revision) for key, value, revision in rows}

    async def put(self, key: str, value: object, *, expect: int | None = None, lease: int | None = None) -> int:
        """Write, and return the new revision; see :class:`~vkd.store.interface.Store`."""
        await trio.lowlevel.checkpoint()
        body = msgpack.packb(value, use_bin_type=True)
        with self._transaction() as db:
            self._expire()
            self._check(key, expect)
            if lease is not None and not db.execute("SELECT 1 FROM leases WHERE id = ?", (lease,)).fetchone():
                raise ConflictError(f"lease {lease} has ended", hint="ask for a new one")
            revision: int = db.execute("UPDATE counter SET revision = revision + 1 RETURNING revision").fetchone()[0]
            db.execute("REPLACE INTO entries VALUES (?, ?, ?, ?)", (key, body, revision, lease))
        self._tell(Change(key, Entry(value, revision)))
        return revision

    async def delete(self, key: str, *, expect: int | None = None) -> bool:
        """Remove `key`; return whether it was there."""
        await trio.lowlevel.checkpoint()
        with self._transaction() as db:
            self._expire()
            found = self._check(key, expect)
            db.execute("DELETE FROM entries WHERE key = ?", (key,))
        if found:
            self._tell(Change(key, None))
        return bool(found)

    async def watch(self, prefix: str) -> AsyncIterator[Change]:
        """Yield every change from the first step on to keys that begin with `prefix`."""
        send, receive = trio.open_memory_channel[Change](math.inf)
        self._watchers[send] = prefix
        try:
            async for change in receive:
                yield change
        finally:
            del self._watchers[send]

    def _tell(self, change: Change) -> None:
        for channel, prefix in self._watchers.items():
            if change.key.startswith(prefix):
                channel.send_nowait(change)

    async def grant(self, seconds: float) -> int:
        """Make a lease that ends after `seconds` unless it is renewed; return its id."""
        await trio.lowlevel.checkpoint()
        with self._transaction() as db:
            cursor = db.execute("INSERT INTO leases (expires) VALUES (?)", (self._clock() + seconds,))
        return int(cursor.lastrowid or 0)

    async def renew(self, lease: int, seconds: float) -> bool:
        """Let the lease end `seconds` from now; return False if it has ended already."""
        await trio.lowlevel.checkpoint()
        with self._transaction() as db:
            self._expire()
            cursor = db.execute("UPDATE leases SET expires = ? WHERE id = ?", (self._clock() + seconds, lease))
        return cursor.rowcount == 1

    async def revoke(self, lease: int) -> None:
        """End the lease and remove its keys."""
        await trio.lowlevel.checkpoint()
        with self._transaction() as db:
            keys = [row[0] for row in db.execute("SELECT key FROM entries WHERE lease = ?", (lease,))]
            db.execute("DELETE FROM leases WHERE id = ?", (lease,))
        for key in keys:
            self._tell(Change(key, None))

    def append_event(self, cluster: str | None, event: object) -> int:
        """Add `event` to the journal, drop the oldest beyond its bound, and return its number."""
        body = msgpack.packb(event, use_bin_type=True)
        with self._transaction() as db:
            cursor = db.execute("INSERT INTO events (cluster, body) VALUES (?, ?)", (cluster, body))
            number = int(cursor.lastrowid or 0)
            db.execute("DELETE FROM events WHERE id <= ?", (number - self._journal,))
        return number

    def past_events(self, cluster: str | None = None) -> list[Any]:
        """Return the journal, oldest first; of one cluster if it is given."""
        with self._transaction() as db:
            query = "SELECT body FROM events WHERE ?1 IS NULL OR cluster = ?1 ORDER BY id"
            rows = db.execute(query, (cluster,)).fetchall()
        return [_unpack(row[0]) for row in rows]

    def forget_events(self, cluster: str) -> None:
        """Remove a cluster's events from the journal."""
        with self._transaction() as db:
            db.execute("DELETE FROM events WHERE cluster = ?", (cluster,))


def _unpack(body: bytes) -> Any:
    return msgpack.unpackb(body, raw=False)
