"""Notification and watchdog against a real datagram socket."""

import os
from pathlib import Path

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from tests.manager import Manager
from vether.systemd import VARIABLES
from vether.systemd.notify import Notifier
from vkd import python


@pytest.mark.parametrize("name", [None, "notify"])
def test_what_it_says_in_the_course_of_its_life(name: str | None, tmp_path: Path) -> None:
    with Manager(name and str(tmp_path / name)) as manager:
        notifier = Notifier.from_environment({"NOTIFY_SOCKET": manager.address})
        notifier.ready("one\nREADY=0")
        notifier.reloading()
        notifier.stopping()
        assert manager.receive() == {"READY": "1", "STATUS": "one READY=0"}
        reloading = manager.receive()
        assert reloading is not None
        assert reloading["RELOADING"] == "1"
        assert int(reloading["MONOTONIC_USEC"]) > 0
        assert manager.receive() == {"STOPPING": "1"}


async def test_the_watchdog_is_fed_twice_in_its_period(autojump_clock: trio.testing.MockClock) -> None:
    words = iter(["a", "a", "b", "b", "b"])
    with Manager() as manager:
        environment = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}
        notifier = Notifier.from_environment(environment)
        assert environment == {}
        notifier.ready("a")
        with trio.move_on_after(7):
            await notifier.run(lambda: next(words))
        said = [manager.receive(0.1) for _ in range(7)]
    beat = {"WATCHDOG": "1"}
    assert said == [{"READY": "1", "STATUS": "a"}, beat, beat, beat | {"STATUS": "b"}, beat, beat, None]
    assert autojump_clock.rate == 0


async def test_a_status_is_told_without_a_watchdog_too(autojump_clock: trio.testing.MockClock) -> None:
    words = iter(["a", "b", "b"])
    with Manager() as manager:
        with trio.move_on_after(12):
            await Notifier(manager.address).run(lambda: next(words))
        assert [manager.receive(0.1) for _ in range(3)] == [{"STATUS": "a"}, {"STATUS": "b"}, None]
    assert autojump_clock.rate == 0


async def test_without_a_manager_nothing_happens() -> None:
    for environment in ({}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1"}, {"NOTIFY_SOCKET": "@"}):
        notifier = Notifier.from_environment(environment)
        notifier.ready("x")
        with trio.fail_after(10):
            await notifier.run(lambda: "x")


@pytest.mark.parametrize(
    "more", [{"WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "-5"}, {"WATCHDOG_USEC": "x"}]
)
def test_a_watchdog_of_another_process_or_of_no_period_is_none(more: dict[str, str]) -> None:
    assert Notifier.from_environment({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "5"} | more).watchdog is None
    assert Notifier.from_environment({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "5"}).watchdog == 5e-6


def test_a_manager_that_is_gone_ends_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Notifier(str(tmp_path / "gone")).ready("x")
    assert "cannot notify the service manager" in caplog.text


@given(st.fixed_dictionaries({}, optional={name: st.text(max_size=200) for name in VARIABLES}))
def test_any_environment_is_taken(environment: dict[str, str]) -> None:
    notifier = Notifier.from_environment(environment)
    assert environment == {}
    assert notifier.watchdog is None or notifier.watchdog > 0


def test_who_we_start_does_not_speak_for_us(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, "x")
    assert not set(VARIABLES) & set(python.environment())
