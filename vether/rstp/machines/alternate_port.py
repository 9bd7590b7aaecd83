"""Alternate and Backup Port role transitions (IEEE 802.1D-2004, figure 17-23)."""

from collections.abc import Callable

from vether.rstp.conditions import HelloTime, allSynced, forwardDelay
from vether.rstp.procedures import setSyncTree
from vether.rstp.variables import Port, Role
from vether.statemachine import UCT, State


def _block_port(p: Port) -> None:
    p.role = p.selectedRole
    p.learn = p.forward = False


def _alternate_port(p: Port) -> None:
    p.fdWhile = forwardDelay(p)
    p.synced = True
    p.rrWhile = 0
    p.sync = p.reRoot = False


def _alternate_proposed(p: Port) -> None:
    setSyncTree(p)
    p.proposed = False


def _alternate_agreed(p: Port) -> None:
    p.proposed = False
    p.agree = True
    p.newInfo = True


def _backup_port(p: Port) -> None:
    p.rbWhile = 2 * HelloTime(p)


ALTERNATE_ENTRY: tuple[Callable[[Port], bool], str] = (
    lambda p: p.selectedRole in {Role.AlternatePort, Role.BackupPort} and p.role is not p.selectedRole,
    "BLOCK_PORT",
)

ALTERNATE_STATES: dict[str, State[Port]] = {
    "BLOCK_PORT": State(_block_port, ((lambda p: not p.learning and not p.forwarding, "ALTERNATE_PORT"),)),
    "ALTERNATE_PORT": State(
        _alternate_port,
        (
            (lambda p: p.proposed and not p.agree, "ALTERNATE_PROPOSED"),
            (lambda p: (allSynced(p) and not p.agree) or (p.proposed and p.agree), "ALTERNATE_AGREED"),
            (lambda p: p.fdWhile != forwardDelay(p) or p.sync or p.reRoot or not p.synced, "ALTERNATE_PORT"),
            (lambda p: p.rbWhile != 2 * HelloTime(p) and p.role is Role.BackupPort, "BACKUP_PORT"),
        ),
    ),
    "ALTERNATE_PROPOSED": State(_alternate_proposed, ((UCT, "ALTERNATE_PORT"),)),
    "ALTERNATE_AGREED": State(_alternate_agreed, ((UCT, "ALTERNATE_PORT"),)),
    "BACKUP_PORT": State(_backup_port, ((UCT, "ALTERNATE_PORT"),)),
}
