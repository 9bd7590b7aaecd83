"""Designated Port role transitions (IEEE 802.1D-2004, figure 17-22)."""

from collections.abc import Callable

from vether.rstp.conditions import EdgeDelay, forwardDelay
from vether.rstp.variables import Port, Role
from vether.statemachine import UCT, State


def _designated_port(p: Port) -> None:
    p.role = Role.DesignatedPort


def _designated_propose(p: Port) -> None:
    p.proposing = True
    p.edgeDelayWhile = EdgeDelay(p)
    p.newInfo = True


def _designated_synced(p: Port) -> None:
    p.rrWhile = 0
    p.synced = True
    p.sync = False


def _designated_retired(p: Port) -> None:
    p.reRoot = False


def _designated_discard(p: Port) -> None:
    p.learn = p.forward = p.disputed = False
    p.fdWhile = forwardDelay(p)


def _designated_learn(p: Port) -> None:
    p.learn = True
    p.fdWhile = forwardDelay(p)


def _designated_forward(p: Port) -> None:
    p.forward = True
    p.fdWhile = 0
    p.agreed = p.sendRSTP


def _is_synced(p: Port) -> bool:
    return (
        (not p.learning and not p.forwarding and not p.synced)
        or (p.agreed and not p.synced)
        or (p.operEdge and not p.synced)
        or (p.sync and p.synced)
    )


def _must_discard(p: Port) -> bool:
    reason = (p.sync and not p.synced) or (p.reRoot and p.rrWhile != 0) or p.disputed
    return reason and not p.operEdge and (p.learn or p.forward)


def _may_advance(p: Port) -> bool:
    return (p.fdWhile == 0 or p.agreed or p.operEdge) and (p.rrWhile == 0 or not p.reRoot) and not p.sync


DESIGNATED_ENTRY: tuple[Callable[[Port], bool], str] = (
    lambda p: p.selectedRole is Role.DesignatedPort and p.role is not p.selectedRole,
    "DESIGNATED_PORT",
)

DESIGNATED_STATES: dict[str, State[Port]] = {
    "DESIGNATED_PORT": State(
        _designated_port,
        (
            (lambda p: not (p.forward or p.agreed or p.proposing or p.operEdge), "DESIGNATED_PROPOSE"),
            (_is_synced, "DESIGNATED_SYNCED"),
            (lambda p: p.rrWhile == 0 and p.reRoot, "DESIGNATED_RETIRED"),
            (_must_discard, "DESIGNATED_DISCARD"),
            (lambda p: _may_advance(p) and not p.learn, "DESIGNATED_LEARN"),
            (lambda p: _may_advance(p) and p.learn and not p.forward, "DESIGNATED_FORWARD"),
        ),
    ),
    "DESIGNATED_PROPOSE": State(_designated_propose, ((UCT, "DESIGNATED_PORT"),)),
    "DESIGNATED_SYNCED": State(_designated_synced, ((UCT, "DESIGNATED_PORT"),)),
    "DESIGNATED_RETIRED": State(_designated_retired, ((UCT, "DESIGNATED_PORT"),)),
    "DESIGNATED_DISCARD": State(_designated_discard, ((UCT, "DESIGNATED_PORT"),)),
    "DESIGNATED_LEARN": State(_designated_learn, ((UCT, "DESIGNATED_PORT"),)),
    "DESIGNATED_FORWARD": State(_designated_forward, ((UCT, "DESIGNATED_PORT"),)),
}
