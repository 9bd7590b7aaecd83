"""A profile as the supervisor takes it: to its end, to the guest's end, and until nobody listens."""

from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.daemon.fakes import FakeHost, FakeProcess, boots_well
from vkd.profile.sample import Batch
from vkd.supervisor.profile import profile

SAMPLE: Any = (0, 1.0, 0, 0, 0x1000, None, [], None)


async def sampled(host: FakeHost, folder: Path, batches: list[Batch], **arguments: Any) -> None:
    async def send(batch: Batch) -> None:
        await trio.lowlevel.checkpoint()
        batches.append(batch)

    await profile(host, folder, send, **{"hz": 99, "seconds": 10.0, "task_name": 8, **arguments})


@pytest.fixture
async def process(nursery: trio.Nursery, tmp_path: Path) -> FakeProcess:
    return FakeHost(nursery, boots_well).launch(tmp_path)


def host(process: FakeProcess) -> FakeHost:
    assert process.host is not None
    return process.host


async def test_all_samples_arrive_and_the_machine_is_told_to_stop(
    autojump_clock: MockClock, process: FakeProcess
) -> None:
    process.samples = [SAMPLE] * 5
    batches: list[Batch] = []
    began = trio.current_time()
    await sampled(host(process), process.folder, batches)
    assert trio.current_time() - began == pytest.approx(10)
    assert sum(len(batch.samples) for batch in batches) == 5
    assert batches[-1].idle == [3]
    assert process.calls[0] == ("profile-start", {"hz": 99, "task_name": 8})
    operations = [op for op, _ in process.calls]
    assert operations.count("profile-stop") == 1
    # What was sampled before the stop is read after it.
    assert operations[-1] == "profile-read"


async def test_it_ends_with_the_guest(autojump_clock: MockClock, process: FakeProcess) -> None:
    batches: list[Batch] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sampled, host(process), process.folder, batches)
        await trio.sleep(3)
        process.end(None)
    assert trio.current_time() < 5
    assert batches
    with pytest.raises(FileNotFoundError):
        await sampled(host(process), process.folder, batches)


async def test_it_stops_when_nobody_listens(autojump_clock: MockClock, process: FakeProcess) -> None:
    with trio.move_on_after(2):
        await sampled(host(process), process.folder, [], seconds=None)
    assert process.calls[-1][0] == "profile-stop"

    async def gone(_batch: Batch) -> None:
        await trio.lowlevel.checkpoint()
        raise trio.BrokenResourceError

    with pytest.raises(trio.BrokenResourceError):
        await profile(host(process), process.folder, gone, hz=9, seconds=None, task_name=None)
    assert process.calls[-1][0] == "profile-stop"
