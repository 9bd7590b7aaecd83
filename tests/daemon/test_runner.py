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
