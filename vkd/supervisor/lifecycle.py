"""The states of a guest and every way from one to another, in one table."""

from enum import StrEnum


class State(StrEnum):
    """Where a guest is in its life."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"
    BACKOFF = "backoff"
    FAILED = "failed"


class Cause(StrEnum):
    """What moves a guest from one state to another."""

    START = "start"  # the user or the policy wants it to run
    READY = "ready"  # the stage that it is to reach was reached
    REBOOT = "reboot"  # the guest restarted itself inside its process
    STOP = "stop"  # the user wants it to end, or it is to be ended because it failed
    ENDED = "ended"  # its process is gone, in order, and it is not to be restarted
    RETRY = "retry"  # its process is gone, and the policy restarts it after a delay
    FAILED = "failed"  # its process is gone or could not be started, and the policy gives up


#: (state, cause) -> state. A pair that is not here does not happen; `move` raises on it.
TRANSITIONS: dict[tuple[State, Cause], State] = {
    (State.STOPPED, Cause.START): State.STARTING,
    (State.STOPPED, Cause.STOP): State.STOPPED,
    (State.STOPPED, Cause.FAILED): State.FAILED,
    (State.STARTING, Cause.READY): State.READY,
    (State.STARTING, Cause.REBOOT): State.STARTING,
    (State.STARTING, Cause.STOP): State.STOPPING,
    (State.STARTING, Cause.ENDED): State.STOPPED,
    (State.STARTING, Cause.RETRY): State.BACKOFF,
    (State.STARTING, Cause.FAILED): State.FAILED,
    (State.READY, Cause.REBOOT): State.STARTING,
    (State.READY, Cause.STOP): State.STOPPING,
    (State.READY, Cause.ENDED): State.STOPPED,
    (State.READY, Cause.RETRY): State.BACKOFF,
    (State.READY, Cause.FAILED): State.FAILED,
    (State.STOPPING, Cause.STOP): State.STOPPING,
    (State.STOPPING, Cause.ENDED): State.STOPPED,
    (State.STOPPING, Cause.RETRY): State.BACKOFF,
    (State.STOPPING, Cause.FAILED): State.FAILED,
    (State.BACKOFF, Cause.START): State.STARTING,
    (State.BACKOFF, Cause.STOP): State.STOPPED,
    (State.BACKOFF, Cause.FAILED): State.FAILED,
    (State.FAILED, Cause.START): State.STARTING,
    (State.FAILED, Cause.STOP): State.STOPPED,
    (State.FAILED, Cause.FAILED): State.FAILED,
}

#: States in which the guest has a process.
RUNNING = frozenset({State.STARTING, State.READY, State.STOPPING})


class TransitionError(Exception):
    """A cause that cannot happen in this state: a defect of the caller."""


def move(state: State, cause: Cause) -> State:
    """Return the state after `cause`. Raises `TransitionError` for a pair that is not in the table."""
    try:
        return TRANSITIONS[state, cause]
    except KeyError:
        raise TransitionError(f"{cause} cannot happen to a guest that is {state}") from None
