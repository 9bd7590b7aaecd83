"""Lifecycle, stop ladder and progress: the small decisions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vkd.supervisor.ladder import Bounds, Rung, rungs
from vkd.supervisor.lifecycle import RUNNING, TRANSITIONS, Cause, State, TransitionError, move
from vkd.supervisor.progress import Progress, Sample


def test_every_state_can_be_reached_and_left() -> None:
    assert {state for state, _ in TRANSITIONS} == set(State)
    reached, fresh = set[State](), {State.STOPPED}
    while fresh:
        reached |= fresh
        fresh = {after for (before, _), after in TRANSITIONS.items() if before in reached} - reached
    assert reached == set(State)


def test_from_everywhere_stop_leads_to_stopped() -> None:
    for state in State:
        after = move(state, Cause.STOP)
        assert after == (State.STOPPING if state in RUNNING else State.STOPPED)
    assert move(State.STOPPING, Cause.ENDED) == State.STOPPED


def test_what_is_not_in_the_table_raises() -> None:
    with pytest.raises(TransitionError, match="ready cannot happen to a guest that is stopped"):
        move(State.STOPPED, Cause.READY)


@given(st.lists(st.sampled_from(Cause), max_size=50))
def test_only_known_states_whatever_happens(causes: list[Cause]) -> None:
    state = State.STOPPED
    for cause in causes:
        if (state, cause) in TRANSITIONS:
            state = move(state, cause)
        else:
            with pytest.raises(TransitionError):
                move(state, cause)


def test_ladder() -> None:
    bounds = Bounds(ask=20, sigterm=5, sigkill=5)
    hard = (Rung("sigterm", 5), Rung("sigkill", 5))
    assert rungs(reachable=True, bounds=bounds) == (Rung("ask", 20), *hard)
    assert rungs(reachable=False, bounds=bounds) == hard
    assert rungs(reachable=True, bounds=bounds, force=True) == hard


def test_every_rung_is_bounded() -> None:
    assert all(0 < rung.seconds < 600 for rung in rungs(reachable=True))


@pytest.mark.parametrize(
    ("sample", "moved"),
    [
        (Sample(), False),
        (Sample(instructions=9), False),
        (Sample(instructions=10), True),
        (Sample(console=1), True),
        (Sample(io=1), True),
    ],
)
def test_what_is_progress(sample: Sample, moved: bool) -> None:
    assert Progress(0, work=10).feed(1, sample) is moved


def test_small_work_adds_up() -> None:
    progress = Progress(0, deadline=5, work=10)
    moved = [progress.feed(second, Sample(instructions=3 * second)) for second in range(1, 9)]
    assert moved == [False, False, False, True, False, False, False, True]


def test_a_reboot_is_progress() -> None:
    progress = Progress(0, work=10)
    progress.feed(1, Sample(instructions=100))
    assert progress.feed(2, Sample(instructions=1))


def test_stalls_at_the_deadline_and_not_before() -> None:
    progress = Progress(100, deadline=30)
    assert not progress.stalled(129.9)
    assert progress.stalled(130)
    progress.touch(130)
    assert not progress.stalled(159)


@given(st.lists(st.tuples(st.floats(0.01, 10), st.integers(0, 10**9), st.integers(0, 100), st.integers(0, 100))))
def test_idle_time_is_that_since_the_last_progress(steps: list[tuple[float, int, int, int]]) -> None:
    now = last = 0.0
    progress = Progress(now, deadline=30)
    for seconds, *counters in steps:
        now += seconds
        if progress.feed(now, Sample(*counters)):
            last = now
        assert progress.idle(now) == now - last
        assert progress.stalled(now) == (now - last >= 30)
