"""Disabled Port role transitions (IEEE 802.1D-2004, figure 17-20)."""

from collections.abc import Callable

from vether.rstp.conditions import FwdDelay, MaxAge
from vether.rstp.variables import Port, Role
from vether.statemachine import UCT, State


def _init_port(p: Port) -> None:
    p.role = Role.DisabledPort
    p.learn = p.forward = False
    p.synced = False
    p.sync = p.reRoot = True
    p.rrWhile = FwdDelay(p)
    p.fdWhile = MaxAge(p)
    p.rbWhile = 0


def _disable_port(p: Port) -> None:
    p.role = p.selectedRole
    p.learn = p.forward = False


def _disabled_port(p: Port) -> None:
    p.fdWhile = MaxAge(p)
    p.synced = True
    p.rrWhile = 0
    p.sync = p.reRoot = False


DISABLED_ENTRY: tuple[Callable[[Port], bool], str] = (
    lambda p: p.selectedRole is Role.DisabledPort and p.role is not p.selectedRole,
    "DISABLE_PORT",
)

DISABLED_STATES: dict[str, State[Port]] = {
    "INIT_PORT": State(_init_port, ((UCT, "DISABLE_PORT"),)),
    "DISABLE_PORT": State(_disable_port, ((lambda p: not p.learning and not p.forwarding, "DISABLED_PORT"),)),
    "DISABLED_PORT": State(
        _disabled_port,
        ((lambda p: p.fdWhile != MaxAge(p) or p.sync or p.reRoot or not p.synced, "DISABLED_PORT"),),
    ),
}
