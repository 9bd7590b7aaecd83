"""Conditions and parameters of the state machines (IEEE 802.1D-2004, 17.20) under their names there."""

from vether.rstp.parameters import MigrateTime
from vether.rstp.variables import Port, Role


def allSynced(p: Port) -> bool:
    """17.20.3: every port has the role selected for it, and is the root port or synced."""
    return all(
        q.selected and q.role is q.selectedRole and (q.role is Role.RootPort or q.synced) for q in p.bridge.ports
    )


def EdgeDelay(p: Port) -> int:
    """17.20.4."""
    return MigrateTime if p.operPointToPointMAC else MaxAge(p)


def forwardDelay(p: Port) -> int:
    """17.20.5."""
    return HelloTime(p) if p.sendRSTP else FwdDelay(p)


def FwdDelay(p: Port) -> int:
    """17.20.6."""
    return p.designatedTimes.ForwardDelay


def HelloTime(p: Port) -> int:
    """17.20.7."""
    return p.designatedTimes.HelloTime


def MaxAge(p: Port) -> int:
    """17.20.8."""
    return p.designatedTimes.MaxAge


def reRooted(p: Port) -> bool:
    """17.20.10: no other port was a root port recently."""
    return all(q.rrWhile == 0 for q in p.bridge.ports if q is not p)


def rstpVersion(p: Port) -> bool:
    """17.20.11."""
    return p.bridge.config.force_version >= 2


def TxHoldCount(p: Port) -> int:
    """17.13.12."""
    return p.bridge.config.tx_hold_count


def is_selected(p: Port) -> bool:
    """Return `selected && !updtInfo`, which the figures of two machines add to all transitions except UCT."""
    return p.selected and not p.updtInfo
