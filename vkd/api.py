"""The contract between the vkd daemon and its clients: operations, rows and events as they cross the control socket.

The socket is :func:`vkd.paths.control_socket`, the framing :mod:`vether.control`. A guest is named by a reference,
`NAME`, or `CLUSTER/NAME` where the name alone is ambiguous; `Cluster` is :class:`vkd.config.model.Cluster`.

| operation | arguments | events | value |
|---|---|---|---|
| `ping` | | | `{"version", "pid", "on_demand"}`: whether it ends when nothing is left to do |
| `up` | `cluster` (`Cluster`), `source`, `dry_run`, `wait`, `timeout` | :class:`Event` | :class:`UpResult` |
| `down` | `cluster` or nil, `all` | :class:`Event` | `{"clusters": [str]}` |
| `ps` | `cluster` or nil, `all` | | list of :class:`Row` |
| `start`, `stop`, `restart` | `guests`: references | :class:`Event` | list of :class:`Row` |
| `inspect` | `guest` | | :class:`Inspection` |
| `top` | `cluster` or nil | | list of :class:`Load` |
| `profile` | `guest`, `hz`, `seconds` or nil, `task_name` or nil | :class:`vkd.profile.sample.Batch` | nil |
| `events` | `follow`, `cluster` or nil | :class:`Event` | nil |
| `ssh` | `guest` | | :class:`SshTarget` |
| `shutdown` | | | nil: the daemon ends, the guests run on |

`up` ends when every guest that it started or changed has reached its `wait_for` stage, has failed, or `timeout`
seconds are over (error code `timeout`); with `wait` false it ends when the reconciliation has been started.
`ps` without `all` leaves out guests in state `stopped`; with neither cluster nor `all` it lists every cluster.
`profile` samples until `seconds` are over or the client hangs up; `task_name` is where a task's name lies in Linux's
`task_struct`.
"""

from typing import Any, Literal

import msgspec

from vether.control import ControlError
from vkd.errors import ConfigError, HostLacksError, ImageError, NotFoundError, TimeoutExpired, VkdError

#: What a guest is doing. `failed` and `stopped` are final until somebody acts; `backoff` waits for its next start.
State = Literal["stopped", "starting", "ready", "stopping", "failed", "backoff"]

#: How far a boot has come, in this order; `""` before the first. A guest is ready at its `wait_for` stage.
Stage = Literal["", "image", "kernel", "init", "link", "ssh"]

STAGES: tuple[Stage, ...] = ("image", "kernel", "init", "link", "ssh")


class Row(msgspec.Struct, kw_only=True):
    """One guest as `ps` lists it. `reason` says why it is in its state, if there is more to say than the state."""

    cluster: str
    name: str
    state: State
    stage: Stage = ""
    reason: str | None = None
    image: str | None = None
    cpus: int = 1
    #: Guest memory, bytes.
    memory: int = 0
    #: Process id of the vkernel, while there is one.
    pid: int | None = None
    #: IPv4 addresses in the order of the guest's network cards.
    addresses: list[str] = []
    #: Port on the host's loopback that leads to the guest's ssh.
    ssh_port: int | None = None
    #: Restarts by policy since the guest was last started by hand.
    restarts: int = 0
    #: When the vkernel was started, seconds since the epoch.
    started: float | None = None
    #: Guest instructions retired since then.
    instructions: int | None = None


class Event(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Something that happened.

    Which fields are set depends on `kind`:

    * `state`: `state`, and `reason` and `detail` (the console's tail) when it is `failed` or `backoff`
    * `stage`: `stage`, which the guest has just reached
    * `progress`: `what` (for instance a package), `done` and `total` (bytes; nil when unknown)
    * `log`: `message`
    """

    time: float
    kind: Literal["state", "stage", "progress", "log"]
    cluster: str | None = None
    guest: str | None = None
    state: State | None = None
    stage: Stage | None = None
    reason: str | None = None
    detail: str | None = None
    what: str | None = None
    done: int | None = None
    total: int | None = None
    message: str | None = None


class UpResult(msgspec.Struct, kw_only=True):
    """What `up` changed (or would, with `dry_run`; see :class:`vkd.config.diff.Changes`) and how it ended."""

    changes: dict[str, Any]
    guests: list[Row] = []


class Inspection(msgspec.Struct, kw_only=True):
    """All that there is to know of one guest. `config` is its resolved :class:`~vkd.config.model.Guest`."""

    row: Row
    config: dict[str, Any]
    #: The guest's runtime folder; `console.sock` and `console.log` lie in it.
    folder: str
    source: str | None = None
    #: What else the vkernel reports: devices, counters, the last exit.
    machine: dict[str, Any] = {}


class Load(msgspec.Struct, kw_only=True):
    """What a guest that runs has done so far. Two of these give rates."""

    cluster: str
    name: str
    state: State
    cpus: int = 1
    pid: int | None = None
    #: When the counters were read, seconds of the host's monotonic clock.
    time: float = 0.0
    #: Processor time of the vkernel, seconds.
    cpu: float = 0.0
    #: Boots of this vkernel: each begins the machine's counters anew.
    boots: int = 0
    #: `vkd._native.Machine.stats()`.
    machine: dict[str, Any] = {}


class SshTarget(msgspec.Struct, kw_only=True):
    """How the host's ssh reaches a guest. `alias` is the name in `known_hosts` (ssh's HostKeyAlias)."""

    host: str
    port: int
    user: str
    key: str
    known_hosts: str
    alias: str


_CODES: dict[str, type[VkdError]] = {
    "invalid": ConfigError,
    "not-found": NotFoundError,
    "timeout": TimeoutExpired,
    "host-lacks": HostLacksError,
    "image": ImageError,
}


def to_control(error: VkdError) -> ControlError:
    """Return `error` as it crosses the socket; codes are those of :func:`from_control`, else `failed`."""
    code = next((code for code, kind in _CODES.items() if isinstance(error, kind)), "failed")
    return ControlError(code, error.message, error.hint)


def from_control(error: ControlError) -> VkdError:
    """Return the error that the daemon raised, with its exit code; unknown codes become a plain `VkdError`."""
    return _CODES.get(error.code, VkdError)(error.message, hint=error.hint)
