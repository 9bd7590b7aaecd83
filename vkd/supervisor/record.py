"""What the store keeps of a guest between two daemons: the wish, the state, the process and the runs so far."""

import msgspec

from vkd.api import Stage
from vkd.supervisor.lifecycle import State
from vkd.supervisor.policy import Run

#: Past runs that are kept for the policy.
RUNS = 50


class Identity(msgspec.Struct, frozen=True):
    """A process for sure: a pid may be used again, its start time (clock ticks since boot, proc(5)) is not."""

    pid: int
    ticks: int


class GuestRecord(msgspec.Struct):
    """The key `guests/CLUSTER/NAME`."""

    #: Whether the user wants it to run.
    wanted: bool = True
    state: State = State.STOPPED
    stage: Stage = ""
    reason: str | None = None
    #: The console's tail at the last failure.
    detail: str | None = None
    process: Identity | None = None
    #: When the process was started, seconds since the epoch.
    started: float | None = None
    #: Boots that its vkernel has counted; more than that means that the guest rebooted.
    boots: int = 1
    ready: bool = False
    restarts: int = 0
    ssh_port: int | None = None
    #: RAM of its machine, bytes, which may be more than it asked for.
    memory: int | None = None
    runs: list[Run] = []
