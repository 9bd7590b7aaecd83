"""Topology Change state machine (IEEE 802.1D-2004, 17.31)."""

from vether.rstp.procedures import newTcWhile, setTcPropTree
from vether.rstp.variables import Port, Role
from vether.statemachine import UCT, Machine, State, nothing


def _inactive(p: Port) -> None:
    p.fdbFlush = True
    p.tcWhile = 0
    p.tcAck = False


def _learning(p: Port) -> None:
    p.rcvdTc = p.rcvdTcn = p.rcvdTcAck = False
    p.tcProp = False


def _detected(p: Port) -> None:
    newTcWhile(p)
    setTcPropTree(p)
    p.newInfo = True


def _notified_tcn(p: Port) -> None:
    newTcWhile(p)


def _notified_tc(p: Port) -> None:
    p.rcvdTcn = p.rcvdTc = False
    if p.role is Role.DesignatedPort:
        p.tcAck = True
    setTcPropTree(p)


def _propagating(p: Port) -> None:
    newTcWhile(p)
    p.fdbFlush = True
    p.tcProp = False


def _acknowledged(p: Port) -> None:
    p.tcWhile = 0
    p.rcvdTcAck = False


def _is_active_role(p: Port) -> bool:
    return p.role in {Role.RootPort, Role.DesignatedPort}


def _has_flags(p: Port) -> bool:
    return p.rcvdTc or p.rcvdTcn or p.rcvdTcAck or p.tcProp


TOPOLOGY_CHANGE = Machine[Port](
    name="TCM",
    begin=lambda _: "INACTIVE",
    states={
        "INACTIVE": State(_inactive, ((lambda p: p.learn and not p.fdbFlush, "LEARNING"),)),
        "LEARNING": State(
            _learning,
            (
                (lambda p: _is_active_role(p) and p.forward and not p.operEdge, "DETECTED"),
                (
                    lambda p: not (_is_active_role(p) or p.learn or p.learning or _has_flags(p)),
                    "INACTIVE",
                ),
                (_has_flags, "LEARNING"),
            ),
        ),
        "DETECTED": State(_detected, ((UCT, "ACTIVE"),)),
        "ACTIVE": State(
            nothing,
            (
                (lambda p: not _is_active_role(p) or p.operEdge, "LEARNING"),
                (lambda p: p.rcvdTcn, "NOTIFIED_TCN"),
                (lambda p: p.rcvdTc, "NOTIFIED_TC"),
                (lambda p: p.tcProp and not p.operEdge, "PROPAGATING"),
                (lambda p: p.rcvdTcAck, "ACKNOWLEDGED"),
            ),
        ),
        "NOTIFIED_TCN": State(_notified_tcn, ((UCT, "NOTIFIED_TC"),)),
        "NOTIFIED_TC": State(_notified_tc, ((UCT, "ACTIVE"),)),
        "PROPAGATING": State(_propagating, ((UCT, "ACTIVE"),)),
        "ACKNOWLEDGED": State(_acknowledged, ((UCT, "ACTIVE"),)),
    },
)
