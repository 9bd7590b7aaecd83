"""The restart policy, by example and by property."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vkd.supervisor.policy import Exit, GiveUp, Policy, Restart, Run, decide, early_ends

CRASH = Exit("crashed", 11, "signal 11")
POWEROFF = Exit("poweroff", 0, "the guest powered off")


def early(count: int) -> list[Run]:
    return [Run(i, i + 1, ready=False) for i in range(count)]


@pytest.mark.parametrize(
    ("restarts", "exit_", "expected"),
    [
        ("no", CRASH, GiveUp("signal 11", failed=True)),
        ("no", POWEROFF, GiveUp("the guest powered off", failed=False)),
        ("on-failure", POWEROFF, GiveUp("the guest powered off", failed=False)),
        ("on-failure", CRASH, Restart(1.0, 1)),
        ("always", POWEROFF, Restart(1.0, 1)),
        ("always", CRASH, Restart(1.0, 1)),
    ],
)
def test_what_each_policy_restarts(restarts: str, exit_: Exit, expected: object) -> None:
    assert decide(Policy(restarts=restarts), exit_, early(1)) == expected  # type: ignore[arg-type]


def test_delays_double_up_to_the_longest() -> None:
    policy = Policy(attempts=100, delay=1.0, longest=10.0)
    delays = [verdict.delay for n in range(1, 7) if isinstance(verdict := decide(policy, CRASH, early(n)), Restart)]
    assert delays == [1, 2, 4, 8, 10, 10]


def test_gives_up_with_the_last_reason() -> None:
    verdict = decide(Policy(attempts=2), CRASH, early(3))
    assert verdict == GiveUp("gave up after 2 restarts in a row; the last: signal 11", failed=True)


def test_without_end() -> None:
    assert decide(Policy(attempts=None, longest=60), CRASH, early(5000)) == Restart(60.0, 5000)


def test_a_long_run_ends_the_row() -> None:
    runs = [*early(5), Run(10, 100, ready=True), *early(1)]
    assert early_ends(Policy(stable=60), runs) == 1
    assert decide(Policy(attempts=2, stable=60), CRASH, runs) == Restart(1.0, 1)


def test_a_long_run_that_never_got_ready_does_not() -> None:
    assert early_ends(Policy(stable=60), [Run(0, 1000, ready=False)]) == 1


def test_the_run_that_lasted_counts_from_one() -> None:
    assert decide(Policy(stable=60), CRASH, [Run(0, 100, ready=True)]) == Restart(1.0, 1)


times = st.floats(0, 1e9)


@given(
    st.sampled_from(["no", "on-failure", "always"]),
    st.sampled_from(["poweroff", "reboot", "stopped", "failure", "halted", "fault", "panic", "stalled", "crashed"]),
    st.lists(st.builds(Run, times, times, st.booleans()), max_size=2000),
    st.none() | st.integers(1, 10_000),
    st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)),
)
def test_always_a_bounded_answer(
    restarts: str, kind: str, runs: list[Run], attempts: int | None, delays: tuple[float, float]
) -> None:
    delay, longest = delays
    policy = Policy(restarts=restarts, attempts=attempts, delay=delay, longest=longest)  # type: ignore[arg-type]
    verdict = decide(policy, Exit(kind), runs)
    if isinstance(verdict, Restart):
        assert 0 <= verdict.delay <= longest
        assert verdict.attempt >= 1
        assert attempts is None or verdict.attempt <= attempts
        assert restarts == "always" or (restarts == "on-failure" and Exit(kind).failed)
    else:
        assert verdict.reason
