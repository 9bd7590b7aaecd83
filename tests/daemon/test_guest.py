"""The life of a guest on trio's clock, with a fake vkernel."""

import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.daemon.fakes import (
    FakeHost,
    FakeProcess,
    Script,
    a_target,
    boots_well,
    context,
    crashes,
    guest_config,
    hangs,
    panics,
    power_off,
    prepare_nothing,
    restart,
)
from vkd.api import Event
from vkd.errors import ImageError
from vkd.store import StoreError
from vkd.supervisor.guest import Guest
from vkd.supervisor.lifecycle import State
from vkd.supervisor.record import GuestRecord
from vkd.vkernel.spec import EXIT, ExitRecord, write_atomically


class Stage:
    """A guest under supervision, the fake host below it and what was published."""

    def __init__(self, host: FakeHost, folder: Path, config: Any, record: GuestRecord | None, prepare: Any) -> None:
        self.events: list[Event] = []
        self.host = host
        self.guest = Guest(
            context(host, self.events),
            "c",
            config,
            folder,
            prepare,
            record=record,
            target=a_target,
        )

    @property
    def process(self) -> FakeProcess:
        return self.host.processes[-1]

    def states(self) -> list[str]:
        return [event.state for event in self.events if event.state]

    def stages(self) -> list[str]:
        return [event.stage for event in self.events if event.stage]

    async def until(self, state: State) -> None:
        with trio.fail_after(3600):
            await self.guest.bell.until(lambda: self.guest.state == state)


Staging = Callable[..., Any]


@pytest.fixture
def staged(tmp_path: Path) -> Staging:
    @asynccontextmanager
    async def stage(
        *scripts: Script, record: GuestRecord | None = None, prepare: Any = prepare_nothing, **changes: Any
    ) -> AsyncIterator[Stage]:
        async with trio.open_nursery() as nursery:
            it = Stage(FakeHost(nursery, *scripts), tmp_path, guest_config(**changes), record, prepare)
            nursery.start_soon(it.guest.run)
            yield it
            nursery.cancel_scope.cancel()

    return stage


async def test_boots_through_its_stages(autojump_clock: MockClock, staged: Staging) -> None:
    async with staged(boots_well) as it:
        it.guest.start()
        await it.until(State.READY)
        assert it.stages() == ["image", "kernel", "init", "link", "ssh"]
        assert it.states() == ["starting", "ready"]
        assert it.guest.record.process.pid == it.process.pid
        assert 7 <= trio.current_time() < 8


async def test_ssh_counts_when_it_answers_through_the_gateway(autojump_clock: MockClock, staged: Staging) -> None:
    async def way_opens_late(process: FakeProcess) -> None:
        await boots_well(process)
        process.ssh = False
        await trio.sleep(30)
        process.ssh = True

    async with staged(way_opens_late) as it:
        it.guest.start()
        await it.until(State.READY)
        assert trio.current_time() >= 37


async def test_ssh_that_nobody_announces_is_found(autojump_clock: MockClock, staged: Staging) -> None:
    async def silent(process: FakeProcess) -> None:
        process.say("[    0.000000] Linux version 6.12 (fake)")
        await trio.sleep(10)
        process.ssh = True

    async with staged(silent, image=None) as it:
        it.guest.start()
        await it.until(State.READY)
        assert trio.current_time() < 11


async def test_is_ready_at_the_stage_it_is_to_reach(autojump_clock: MockClock, staged: Staging) -> None:
    async with staged(boots_well, wait_for="init") as it:
        it.guest.start()
        await it.until(State.READY)
        assert it.stages()[-1] == "init"


async def test_waits_for_nothing(autojump_clock: MockClock, staged: Staging) -> None:
    async with staged(boots_well, wait_for="none") as it:
        it.guest.start()
        await it.until(State.READY)
        assert it.stages() == ["image"]


async def test_crash_is_restarted_with_back_off_then_given_up(autojump_clock: MockClock, staged: Staging) -> None:
    async with staged(crashes) as it:
        it.guest.start()
        await it.until(State.FAILED)
        assert it.states() == [*["starting", "backoff"] * 3, "starting", "failed"]
        assert len(it.host.processes) == 4
        assert trio.current_time() == pytest.approx(4 * 1 + 1 + 2 + 4)
        assert "gave up after 3 restarts" in it.guest.record.reason
        assert "signal 11" in it.guest.record.reason
        assert it.guest.record.restarts == 3
        assert it.guest.settled


async def test_crash_then_success(autojump_clock: MockClock, staged: Staging) -> None:
    async with staged(crashes, boots_well) as it:
        it.guest.start()
        await it.until(State.READY)
        assert it.guest.record.restarts == 1


async def test_panic_fails_with_reason_and_tail(autojump_clock: MockClock, staged: Staging) -> None:
    async with staged(panics, restart=restart("no")) as it:
        it.guest.start()
        await it.until(State.FAILED)
        assert it.states() == ["starting", "stopping", "failed"]
        assert "Kernel panic - not syncing: VFS: Unable to mount root fs" in it.guest.record.reason
        detail = it.events[-1].detail
        assert "Linux version" in detail
        assert "end Kernel panic" in detail
        assert it.process.signals == [signal.SIGTERM]


async def test_a_guest_that_reboots_on_panic_has_failed_all_the_same(
    autojump_clock: MockClock, staged: Staging
) -> None:
    async def panics_and_reboots(process: FakeProcess) -> None:
        await panics(process)
        await trio.sleep(0.9)
        process.heeds_sigterm = False
        process.boots = 2
        await trio.sleep(2)
        process.say("vkd: boot 2")

    async with staged(panics_and_reboots, restart=restart("no")) as it:
        it.guest.start()
        await it.until(State.FAILED)
        assert it.states() == ["starting", "stopping", "failed"]
        assert it.stages() == ["image", "kernel"]


async def test_stalled_boot_fails_by_progress_not_by_clock(autojump_clock: MockClock, staged: Staging) -> None:
    async def works_long_then_hangs(process: FakeProcess) -> None:
        for _ in range(300):
            await trio.sleep(1)
            process.machine["instructions"][0] += 60_000_000

    async with staged(works_long_then_hangs, restart=restart("no"), boot_stall=30.0) as it:
        it.guest.start()
        await it.until(State.FAILED)
        assert 300 + 30 <= trio.current_time() <= 300 + 40
        assert "stalled" in it.guest.record.reason
        assert "no progress for 30 s" in it.guest.record.reason


async def test_idle_ticks_are_not_progress(autojump_clock: MockClock, staged: Staging) -> None:
    async def idles(process: FakeProcess) -> None:
        process.machine["harts"] = [{"interrupts": 0}]
        while process.alive:
            await trio.sleep(1)
            process.machine["instructions"][0] += 100_000
            process.machine["harts"][0]["interrupts"] += 250

    async with staged(idles, restart=restart("no"), boot_stall=30.0) as it:
        it.guest.start()
        await it.until(State.FAILED)
        assert trio.current_time() < 60


async def test_what_devices_move_is_progress(autojump_clock: MockClock, staged: Staging) -> None:
    async def reads_for_long(process: FakeProcess) -> None:
        disk = {"reads": 0}
        process.machine["disks"] = [disk]
        for _ in range(100):
            await trio.sleep(1)
            disk["reads"] += 1

    async with staged(reads_for_long, restart=restart("no"), boot_stall=30.0) as it:
        it.guest.start()
        await it.until(State.FAILED)
        assert 100 + 30 <= trio.current_time() <= 100 + 40


async def test_ladder_first_rung_asks_the_guest(autojump_clock: MockClock, staged: Staging) -> None:
    async with staged(boots_well) as it:
        it.guest.start()
        await it.until(State.READY)
        began = trio.current_time()
        await it.guest.stopped()
        assert it.process.asked == 1
        assert it.process.signals == []
        assert trio.current_time() - began == pytest.approx(2.3)
        assert it.states()[-2:] == ["stopping", "stopped"]


async def test_ladder_second_rung_sigterm(autojump_clock: MockClock, staged: Staging) -> None:
    async with staged(boots_well, stop_timeout=12.0) as it:
        it.guest.start()
        await it.until(State.READY)
        it.process.heeds_poweroff = False
        began = trio.current_time()
        await it.guest.stopped()
        assert it.process.signals == [signal.SIGTERM]
        assert trio.current_time() - began == pytest.approx(12)


async def test_ladder_third_rung_sigkill(autojump_clock: MockClock, staged: Staging) -> None:
    async with staged(boots_well, stop_timeout=12.0) as it:
        it.guest.start()
        await it.until(State.READY)
        it.process.heeds_poweroff = it.process.heeds_sigterm = False
        began = trio.current_time()
        await it.guest.stopped()
        assert it.process.signals == [signal.SIGTERM, signal.SIGKILL]
        assert trio.current_time() - began == pytest.approx(12 + 10)


async def test_a_process_that_nothing_ends_is_told_of(autojump_clock: MockClock, staged: Staging) -> None:
    async with staged(boots_well) as it:
        it.guest.start()
        await it.until(State.READY)
        it.process.heeds_poweroff = it.process.heeds_sigterm = it.process.sigkill_works = False
        it.guest.stop()
        await trio.sleep(100)
        assert it.guest.state == State.STOPPING
        assert any("SIGKILL" in (event.message or "") for event in it.events)


async def test_a_guest_without_ssh_is_not_asked(autojump_clock: MockClock, staged: Staging) -> None:
    async with staged(hangs, wait_for="kernel") as it:
        it.guest.start()
        await it.until(State.READY)
        began = trio.current_time()
        await it.guest.stopped()
        assert it.process.asked == 0
        assert it.process.signals == [signal.SIGTERM]
        assert trio.current_time() == began


async def test_stop_while_starting(autojump_clock: MockClock, staged: Staging) -> None:
    async with staged(boots_well) as it:
        it.guest.start()
        await trio.sleep(3)
        await it.guest.stopped()
        assert it.states() == ["starting", "stopping", "stopped"]


async def test_stop_while_preparing(autojump_clock: MockClock, staged: Staging) -> None:
    async def downloads(_guest: Guest) -> None:
        await trio.sleep(1000)

    async with staged(boots_well, prepare=downloads) as it:
        it.guest.start()
        await trio.sleep(3)
        await it.guest.stopped()
        assert it.states() == ["starting", "stopping", "stopped"]
        assert it.host.processes == []
        assert it.guest.context.gate.borrowed_tokens == 0


async def test_stop_while_backing_off(autojump_clock: MockClock, staged: Staging) -> None:
    async with staged(crashes) as it:
        it.guest.start()
        await it.until(State.BACKOFF)
        await it.guest.stopped()
        await trio.sleep(500)
        assert it.states() == ["starting", "backoff", "stopped"]


async def test_start_while_it_is_stopping_runs_it_again(autojump_clock: MockClock, staged: Staging) -> None:
    async with staged(boots_well) as it:
        it.guest.start()
        await it.until(State.READY)
        it.guest.stop()
        await it.until(State.STOPPING)
        it.guest.start()
        await it.until(State.READY)
        assert len(it.host.processes) == 2
        assert it.states() == ["starting", "ready", "stopping", "stopped", "starting", "ready"]


async def test_stop_clears_a_failure_and_start_begins_anew(autojump_clock: MockClock, staged: Staging) -> None:
    async with staged(panics, boots_well, restart=restart("no")) as it:
        it.guest.start()
        await it.until(State.FAILED)
        await it.guest.stopped()
        it.guest.start()
        await it.until(State.READY)


async def test_preparation_that_fails_is_a_failure_with_its_words(autojump_clock: MockClock, staged: Staging) -> None:
    async def fails(_guest: Guest) -> None:
        await trio.lowlevel.checkpoint()
        raise ImageError("no kernel /k", hint="name another")

    async with staged(boots_well, prepare=fails) as it:
        it.guest.start()
        await it.until(State.FAILED)
        assert it.guest.record.reason == "no kernel /k; name another"
        assert it.guest.context.gate.borrowed_tokens == 0


@pytest.mark.parametrize(("policy", "end"), [("no", "stopped"), ("on-failure", "stopped"), ("always", "ready")])
async def test_power_off_from_inside(autojump_clock: MockClock, staged: Staging, policy: str, end: str) -> None:
    async with staged(boots_well, restart=restart(policy)) as it:
        it.guest.start()
        await it.until(State.READY)
        await power_off(it.process)
        await trio.sleep(60)
        assert it.guest.state == end
        assert ("backoff" in it.states()) == (policy == "always")


async def test_failure_code_of_the_guest_is_the_reason(autojump_clock: MockClock, staged: Staging) -> None:
    async def fails(process: FakeProcess) -> None:
        await trio.sleep(1)
        process.end(ExitRecord(kind="failure", code=3, reason="the guest reported failure, code 3"), 1)

    async with staged(fails, restart=restart("no")) as it:
        it.guest.start()
        await it.until(State.FAILED)
        assert it.guest.record.reason == "the guest reported failure, code 3"


async def test_reboot_from_inside_goes_through_the_stages_again(autojump_clock: MockClock, staged: Staging) -> None:
    async with staged(boots_well) as it:
        it.guest.start()
        await it.until(State.READY)
        it.process.ssh = False
        it.process.boots = 2
        it.process.say("vkd: boot 2")
        await it.until(State.STARTING)
        await boots_well(it.process)
        await it.until(State.READY)
        assert len(it.host.processes) == 1
        assert it.stages() == ["image", "kernel", "init", "link", "ssh"] * 2


async def test_a_guest_cannot_fake_a_reboot(autojump_clock: MockClock, staged: Staging) -> None:
    async with staged(boots_well) as it:
        it.guest.start()
        await it.until(State.READY)
        it.process.say("vkd: boot 7")
        await trio.sleep(10)
        assert it.states() == ["starting", "ready"]


async def test_a_store_that_fails_does_not_stop_the_guest(autojump_clock: MockClock, staged: Staging) -> None:
    async def fails(_guest: Guest) -> None:
        await trio.lowlevel.checkpoint()
        raise StoreError("the disk is full")

    async with staged(boots_well) as it:
        it.guest._save = fails
        it.guest.start()
        await it.until(State.READY)
        await it.guest.stopped()
        assert it.states() == ["starting", "ready", "stopping", "stopped"]


async def test_a_failure_of_supervision_itself_is_caught(
    autojump_clock: MockClock, staged: Staging, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with staged(boots_well) as it:
        calls = 0
        right = it.host.launch

        def wrong_once(folder: Path) -> FakeProcess:
            nonlocal calls
            calls += 1
            if calls == 1:
                raise RuntimeError("a defect")
            return right(folder)  # type: ignore[no-any-return]

        monkeypatch.setattr(it.host, "launch", wrong_once)
        it.guest.start()
        await it.until(State.READY)
        assert calls == 2


async def test_adopted_by_the_next_daemon(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with trio.open_nursery() as world:
        host = FakeHost(world, boots_well)
        events: list[Event] = []
        first = Guest(context(host, events), "c", guest_config(), tmp_path, prepare_nothing, target=a_target)
        async with trio.open_nursery() as daemon:
            daemon.start_soon(first.run)
            first.start()
            await first.bell.until(lambda: first.state == State.READY)
            daemon.cancel_scope.cancel()
        assert host.processes[0].alive
        again = Guest(
            context(host, events), "c", guest_config(), tmp_path, prepare_nothing, record=first.record, target=a_target
        )
        async with trio.open_nursery() as daemon:
            daemon.start_soon(again.run)
            await trio.sleep(30)
            assert again.state == State.READY
            assert len(host.processes) == 1
            await again.stopped()
            daemon.cancel_scope.cancel()
        assert not host.processes[0].alive
        world.cancel_scope.cancel()


@pytest.mark.parametrize(("kind", "state"), [("poweroff", "stopped"), ("failure", "ready")])
async def test_died_while_there_was_no_daemon(
    autojump_clock: MockClock, staged: Staging, tmp_path: Path, kind: Any, state: str
) -> None:
    write_atomically(tmp_path / EXIT, ExitRecord(kind=kind, code=1, reason="it was"))
    record = GuestRecord(wanted=True, state=State.READY, stage="ssh", ready=True)
    async with staged(boots_well, record=record) as it:
        await trio.sleep(60)
        assert it.guest.state == state
        assert len(it.host.processes) == (1 if state == "ready" else 0)


async def test_boots_no_more_at_a_time_than_the_gate_lets(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with trio.open_nursery() as nursery:
        host = FakeHost(nursery, boots_well)
        shared = context(host, [])
        guests = []
        for name in "abcdef":
            guest = Guest(shared, "c", guest_config(name), tmp_path / name, prepare_nothing, target=a_target)
            nursery.start_soon(guest.run)
            guest.start()
            guests.append(guest)
        most = 0
        while not all(guest.settled for guest in guests):
            booting = sum(guest.process is not None and guest.state == State.STARTING for guest in guests)
            most = max(most, booting)
            await trio.sleep(0.5)
        assert most == 2
        nursery.cancel_scope.cancel()
