"""Samples as they cross the control sockets."""

import msgspec

USER, SUPERVISOR, MACHINE = 0, 1, 3


class Sample(msgspec.Struct, array_like=True, frozen=True):
    """What a hart was executing at one moment."""

    hart: int
    #: Seconds of the machine's clock.
    time: float
    #: As in `mstatus.MPP`.
    privilege: int
    #: Register `satp`: the address space.
    satp: int
    pc: int
    #: Register `ra`, if it can be a return address.
    ra: int | None
    #: Return addresses found by the frame pointer, innermost first.
    frames: list[int]
    #: Name of Linux's current task.
    task: bytes | None


class Batch(msgspec.Struct):
    """Some samples; `lost` (overwritten unread) and `idle` (the hart slept) count for each hart since the start."""

    samples: list[Sample]
    lost: list[int]
    idle: list[int]


class Profile(msgspec.Struct):
    """All that was sampled in `seconds` at `hz` samples a second and hart."""

    hz: int
    seconds: float = 0.0
    harts: int = 0
    samples: list[Sample] = []
    lost: int = 0
    idle: int = 0

    def add(self, batch: Batch) -> None:
        """Take one batch."""
        self.samples += batch.samples
        self.harts = len(batch.idle)
        self.lost, self.idle = sum(batch.lost), sum(batch.idle)
