"""The store: revisions, watches, leases, the journal, and files that are not what they should be."""

from contextlib import suppress
from pathlib import Path

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vkd.store import Change, ConflictError, Entry, SqliteStore, StoreError


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> SqliteStore:
    return SqliteStore(tmp_path / "vkd.db", journal=5, clock=clock)


async def test_what_is_put_is_there_after_reopening(store: SqliteStore) -> None:
    revision = await store.put("a/x", {"n": [1, b"bytes", None]})
    store.close()
    again = SqliteStore(store.path)
    assert await again.get("a/x") == Entry({"n": [1, b"bytes", None]}, revision)
    assert await again.get("a/y") is None
    assert store.path.stat().st_mode & 0o777 == 0o600


async def test_scan_is_by_prefix_and_in_order(store: SqliteStore) -> None:
    for key in ("guests/c/b", "guests/c/a", "guests/cc/a", "guests/c%/a"):
        await store.put(key, key)
    assert list(await store.scan("guests/c/")) == ["guests/c/a", "guests/c/b"]
    assert list(await store.scan("guests/c%")) == ["guests/c%/a"]


async def test_compare_and_set(store: SqliteStore) -> None:
    first = await store.put("k", 1, expect=0)
    with pytest.raises(ConflictError):
        await store.put("k", 2, expect=0)
    second = await store.put("k", 2, expect=first)
    assert second > first
    with pytest.raises(ConflictError):
        await store.delete("k", expect=first)
    assert await store.delete("k", expect=second)
    assert not await store.delete("k")


async def test_watch_gives_each_change(store: SqliteStore) -> None:
    seen: list[Change] = []

    async def watch(task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        task_status.started()
        async for change in store.watch("a/"):
            seen.append(change)
            if len(seen) == 2:
                return

    async with trio.open_nursery() as nursery:
        await nursery.start(watch)
        await trio.testing.wait_all_tasks_blocked()
        await store.put("b/x", 0)
        revision = await store.put("a/x", 1)
        await store.delete("a/x")
    assert seen == [Change("a/x", Entry(1, revision)), Change("a/x", None)]


async def test_keys_go_with_their_lease(store: SqliteStore, clock: Clock) -> None:
    lease = await store.grant(10)
    await store.put("hosts/h", 1, lease=lease)
    clock.now += 9
    assert await store.renew(lease, 10)
    clock.now += 9
    assert await store.get("hosts/h") is not None
    clock.now += 2
    assert await store.get("hosts/h") is None
    assert not await store.renew(lease, 10)
    with pytest.raises(ConflictError):
        await store.put("hosts/h", 1, lease=lease)


async def test_revoked_lease(store: SqliteStore) -> None:
    lease = await store.grant(10)
    await store.put("hosts/h", 1, lease=lease)
    await store.revoke(lease)
    assert await store.get("hosts/h") is None


def test_journal_is_bounded_and_by_cluster(store: SqliteStore) -> None:
    for number in range(8):
        store.append_event("even" if number % 2 == 0 else "odd", number)
    assert store.past_events() == [3, 4, 5, 6, 7]
    assert store.past_events("odd") == [3, 5, 7]
    store.forget_events("odd")
    assert store.past_events() == [4, 6]


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_file_is_refused_and_left_as_it_is(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "damaged.db"
    path.unlink(missing_ok=True)
    SqliteStore(path).close()
    whole = bytearray(path.read_bytes())
    start = data.draw(st.sampled_from([0, 4096, 8192]))
    whole[start : start + 4096] = data.draw(st.binary(min_size=200, max_size=200)) * 21
    path.write_bytes(whole)
    before = path.read_bytes()
    with suppress(StoreError):  # the damage may be where nothing is kept
        SqliteStore(path).close()
    assert path.read_bytes() == before


def test_not_a_database(tmp_path: Path) -> None:
    path = tmp_path / "vkd.db"
    path.write_bytes(b"this is no database\n" * 100)
    with pytest.raises(StoreError, match="is damaged") as caught:
        SqliteStore(path)
    assert "mv" in (caught.value.hint or "")
    assert path.read_bytes().startswith(b"this is no database")


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "vkd.db"
    store = SqliteStore(path)
    store._db.execute("PRAGMA user_version = 99")
    store.close()
    with pytest.raises(StoreError, match="newer vkd"):
        SqliteStore(path)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot open the store"):
        SqliteStore(tmp_path / "nowhere" / "vkd.db")


async def test_a_full_disk_is_said_and_nothing_is_lost(store: SqliteStore) -> None:
    await store.put("k", "before")
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match="full") as caught:
        await store.put("k", "x" * 100_000)
    assert "check the disk" in (caught.value.hint or "")
    entry = await store.get("k")
    assert entry is not None
    assert entry.value == "before"
    await store.put("k", "after")


async def test_remove_leaves_no_file(store: SqliteStore, tmp_path: Path) -> None:
    await store.put("k", 1)
    store.remove()
    assert list(tmp_path.iterdir()) == []
