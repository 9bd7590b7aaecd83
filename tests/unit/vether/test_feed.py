"""The feed of events: numbered, bounded, and honest about what was lost."""

import itertools

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from vether.monitor import Feed, Follower
from vether.monitor.feed import BURST, QUEUE, RATE


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def feed(clock: Clock) -> Feed:
    return Feed(clock, wall=lambda: 1_700_000_000.25 + clock.now)


async def drain(follower: Follower, count: int) -> list[dict[str, object]]:
    with trio.fail_after(5):
        taken = [await follower.take() for _ in range(count)]
    assert None not in taken
    return [event for event in taken if event is not None]


async def test_events_have_time_number_and_only_the_fields_that_were_given() -> None:
    source = feed(Clock())
    source.publish("nobody-hears")
    with source.follow(network="lan") as follower:
        source.publish("carrier-up", port="a", peer=None)
        assert await drain(follower, 2) == [
            {"time": "2023-11-14T22:13:20.250Z", "seq": 1, "event": "begin", "network": "lan"},
            {"time": "2023-11-14T22:13:20.250Z", "seq": 2, "event": "carrier-up", "port": "a"},
        ]
    assert source.followers == 0


async def test_one_who_stalls_loses_events_and_is_told_how_many_and_others_lose_none() -> None:
    clock = Clock()
    source = feed(clock)
    with source.follow() as stalled, source.follow() as quick:
        await drain(quick, 1)
        for _ in range(3 * QUEUE):
            clock.now += 1
            source.publish("x")
            await drain(quick, 1)
        events = await drain(stalled, QUEUE + 1)
        assert events[-1] | {"time": None} == {"time": None, "seq": 3 * QUEUE, "event": "lost", "count": 2 * QUEUE + 1}
        source.publish("y")
        (after,) = await drain(stalled, 1)
        assert (after["event"], after["seq"]) == ("y", 3 * QUEUE + 1)


async def test_what_comes_too_fast_is_lost_to_all_and_counted() -> None:
    clock = Clock()
    source = feed(clock)
    with source.follow() as follower:
        await drain(follower, 1)
        for _ in range(int(BURST) + 500):
            source.publish("x")
            (event,) = await drain(follower, 1)
        assert (event["event"], event["seq"]) == ("lost", BURST + 500)
        clock.now += 1
        names = []
        for _ in range(int(RATE) + 1):
            source.publish("x")
            names += [event["event"] for event in await drain(follower, 1)]
        assert names == ["x"] * int(RATE) + ["lost"]


async def test_the_end_comes_after_what_is_queued() -> None:
    source = feed(Clock())
    with source.follow() as follower:
        source.publish("x")
        source.end()
        assert [event["event"] for event in await drain(follower, 2)] == ["begin", "x"]
        assert await follower.take() is None
    with source.follow() as late:
        assert await late.take() is not None
        assert await late.take() is None


async def test_a_take_that_waits_is_woken(autojump_clock: trio.testing.MockClock) -> None:
    source = feed(Clock())
    with source.follow() as follower:
        await drain(follower, 1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(drain, follower, 1)
            await trio.testing.wait_all_tasks_blocked()
            source.lose(7)
    assert source.count == 7
    assert autojump_clock.rate == 0


@pytest.mark.parametrize("count", [0, 1, 5])
async def test_numbers_account_for_what_a_source_lost(count: int) -> None:
    source = feed(Clock())
    with source.follow() as follower:
        source.lose(count)
        source.publish("x")
        events = await drain(follower, 3 if count else 2)
    check(events)


def check(events: list[dict[str, object]]) -> None:
    """Every event is the next one, but that `lost` stands for as many as it says."""
    for before, after in itertools.pairwise(events):
        step = after["count"] if after["event"] == "lost" else 1
        assert isinstance(step, int)
        assert after["seq"] == int(str(before["seq"])) + step


@given(st.lists(st.tuples(st.sampled_from(["publish", "lose", "take", "wait"]), st.integers(1, 1500)), max_size=30))
def test_nothing_is_lost_without_being_told(steps: list[tuple[str, int]]) -> None:
    async def run() -> None:
        clock = Clock()
        source = feed(clock)
        got: list[dict[str, object]] = []
        with source.follow() as follower:
            for what, count in steps:
                if what == "publish":
                    for _ in range(count):
                        source.publish("x")
                elif what == "lose":
                    source.lose(count)
                elif what == "wait":
                    clock.now += count / 1000
                else:
                    with trio.move_on_after(0):
                        for _ in range(count):
                            event = await follower.take()
                            assert event is not None
                            got.append(event)
            source.publish("last")
            source.end()
            while (event := await follower.take()) is not None:
                got.append(event)
            assert got[-1]["seq"] == source.count
            check(got)

    trio.run(run)
