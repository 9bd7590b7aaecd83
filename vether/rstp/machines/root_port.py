"""Root Port role transitions (IEEE 802.1D-2004, figure 17-21)."""

from collections.abc import Callable

from vether.rstp.conditions import FwdDelay, allSynced, forwardDelay, reRooted, rstpVersion
from vether.rstp.procedures import setReRootTree, setSyncTree
from vether.rstp.variables import Port, Role
from vether.statemachine import UCT, State


def _root_port(p: Port) -> None:
    p.role = Role.RootPort
    p.rrWhile = FwdDelay(p)


def _root_proposed(p: Port) -> None:
    setSyncTree(p)
    p.proposed = False


def _root_agreed(p: Port) -> None:
    p.proposed = p.sync = False
    p.agree = True
    p.newInfo = True


def _reroot(p: Port) -> None:
    setReRootTree(p)


def _root_learn(p: Port) -> None:
    p.fdWhile = forwardDelay(p)
    p.learn = True


def _root_forward(p: Port) -> None:
    p.fdWhile = 0
    p.forward = True


def _rerooted(p: Port) -> None:
    p.reRoot = False


def _may_advance(p: Port) -> bool:
    return p.fdWhile == 0 or (reRooted(p) and p.rbWhile == 0 and rstpVersion(p))


ROOT_ENTRY: tuple[Callable[[Port], bool], str] = (
    lambda p: p.selectedRole is Role.RootPort and p.role is not p.selectedRole,
    "ROOT_PORT",
)

ROOT_STATES: dict[str, State[Port]] = {
    "ROOT_PORT": State(
        _root_port,
        (
            (lambda p: p.proposed and not p.agree, "ROOT_PROPOSED"),
            (lambda p: (allSynced(p) and not p.agree) or (p.proposed and p.agree), "ROOT_AGREED"),
            (lambda p: not p.forward and not p.reRoot, "REROOT"),
            (lambda p: p.rrWhile != FwdDelay(p), "ROOT_PORT"),
            (lambda p: p.reRoot and p.forward, "REROOTED"),
            (lambda p: _may_advance(p) and not p.learn, "ROOT_LEARN"),
            (lambda p: _may_advance(p) and p.learn and not p.forward, "ROOT_FORWARD"),
        ),
    ),
    "ROOT_PROPOSED": State(_root_proposed, ((UCT, "ROOT_PORT"),)),
    "ROOT_AGREED": State(_root_agreed, ((UCT, "ROOT_PORT"),)),
    "REROOT": State(_reroot, ((UCT, "ROOT_PORT"),)),
    "ROOT_LEARN": State(_root_learn, ((UCT, "ROOT_PORT"),)),
    "ROOT_FORWARD": State(_root_forward, ((UCT, "ROOT_PORT"),)),
    "REROOTED": State(_rerooted, ((UCT, "ROOT_PORT"),)),
}
