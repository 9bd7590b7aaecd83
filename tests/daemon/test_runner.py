"""The vkernel's machine through its reboots: one at a time."""

import threading
import weakref
from typing import Any

from vkd.vkernel.machine import Runner
from vkd.vkernel.spec import ExitRecord, Spec


class Machine:
    """Reboots at once; the last one powers off."""

    def __init__(self, last: bool) -> None:
        self.end = ("poweroff" if last else "reboot", 0, "")
        self.profiles: list[tuple[int, int | None] | None] = []

    def start(self) -> None:
        pass

    def wait(self, timeout: float) -> tuple[str, int, str] | None:
        return self.end

    def stop(self) -> None:
        pass

    def console_read(self, timeout: float) -> bytes:
        return b""

    def console_write(self, data: bytes) -> int:
        return len(data)

    def stats(self) -> dict[str, Any]:
        return {}

    def profile_start(self, hz: int, *, task_name: int | None) -> None:
        self.profiles.append((hz, task_name))

    def profile_stop(self) -> None:
        self.profiles.append(None)

    def profile_read(self, limit: int) -> Any:
        return {"samples": [], "lost": [limit], "idle": [0]}


def test_a_machine_is_gone_before_the_next_is_built() -> None:
    """What it holds, memory and connections to switches, could not be had a second time."""
    alive: weakref.WeakSet[Machine] = weakref.WeakSet()
    others: list[int] = []

    def make(_spec: Spec) -> Machine:
        others.append(len(alive))
        machine = Machine(last=len(others) == 4)
        alive.add(machine)
        return machine

    ended = threading.Event()
    records: list[ExitRecord] = []

    def done(record: ExitRecord) -> None:
        records.append(record)
        ended.set()

    Runner(Spec(cluster="c", name="a", memory=1 << 20, cpus=1), lambda _data: None, done, make).start()
    assert ended.wait(10)
    assert [(record.kind, record.boots) for record in records] == [("poweroff", 4)]
    assert others == [0, 0, 0, 0]


def test_a_profile_goes_on_through_a_reboot() -> None:
    machines: list[Machine] = []
    ended = threading.Event()

    def make(_spec: Spec) -> Machine:
        machines.append(Machine(last=len(machines) == 2))
        return machines[-1]

    runner = Runner(
        Spec(cluster="c", name="a", memory=1 << 20, cpus=4), lambda _data: None, lambda _end: ended.set(), make
    )
    runner.profile_start(99, 8)
    assert runner.profile_read() == {"samples": [], "lost": [], "idle": []}
    runner.start()
    assert ended.wait(10)
    assert [machine.profiles for machine in machines] == [[(99, 8)]] * 3
    runner.profile_stop()
    assert runner._profile is None
