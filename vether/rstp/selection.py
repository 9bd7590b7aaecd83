"""Selection of roles for the whole bridge (IEEE 802.1D-2004, 17.21.2, 17.21.16, 17.21.24 and 17.21.25)."""

from typing import TYPE_CHECKING

from vether.rstp.parameters import Vector
from vether.rstp.variables import InfoIs, Port, Role

if TYPE_CHECKING:
    from vether.rstp.bridge import Bridge

_ADDRESS = (1 << 48) - 1


def clearReselectTree(b: "Bridge") -> None:
    """17.21.2."""
    for p in b.ports:
        p.reselect = False


def setSelectedTree(b: "Bridge") -> None:
    """17.21.16."""
    if not any(p.reselect for p in b.ports):
        for p in b.ports:
            p.selected = True


def updtRoleDisabledTree(b: "Bridge") -> None:
    """17.21.24."""
    for p in b.ports:
        p.selectedRole = Role.DisabledPort


def updtRolesTree(b: "Bridge") -> None:
    """17.21.25: the root, the designated vectors, and the role of each port."""
    root_port = _select_root(b)
    for p in b.ports:
        p.designatedPriority = Vector(*b.rootPriority[:2], b.config.BridgeIdentifier, p.portId)
        p.designatedTimes = b.rootTimes._replace(HelloTime=b.config.BridgeTimes.HelloTime)
    for p in b.ports:
        _select_role(p, root_port)


def _select_root(b: "Bridge") -> Port | None:
    """Items a to c; a port with root guard is not looked at (`restrictedRole`, 802.1Q-2005, 13.26.20)."""
    own = b.config.BridgeIdentifier
    best: tuple[Vector, int] = (Vector(own, 0, own, 0), 0)
    b.rootTimes = b.config.BridgeTimes
    root_port: Port | None = None
    for p in b.ports:
        received = p.infoIs is InfoIs.Received and not p.config.root_guard
        if not received or not (p.portPriority.DesignatedBridgeID ^ own) & _ADDRESS:
            continue
        vector = p.portPriority._replace(RootPathCost=p.portPriority.RootPathCost + p.PortPathCost)
        if (vector, p.portId) < best:
            best, root_port = (vector, p.portId), p
            b.rootTimes = p.portTimes._replace(MessageAge=p.portTimes.MessageAge + 1)
    b.rootPriority, b.rootPortId = best
    return root_port


def _select_role(p: Port, root_port: Port | None) -> None:
    """Items f to l."""
    if p.infoIs is InfoIs.Disabled:
        p.selectedRole = Role.DisabledPort
    elif p.infoIs is InfoIs.Aged:
        p.updtInfo = True
        p.selectedRole = Role.DesignatedPort
    elif p.infoIs is InfoIs.Mine:
        p.selectedRole = Role.DesignatedPort
        if p.portPriority != p.designatedPriority or p.portTimes != p.designatedTimes:
            p.updtInfo = True
    elif p is root_port:
        p.selectedRole = Role.RootPort
        p.updtInfo = False
    elif p.designatedPriority < p.portPriority:
        p.selectedRole = Role.DesignatedPort
        p.updtInfo = True
    else:
        ours = p.portPriority.DesignatedBridgeID == p.bridge.config.BridgeIdentifier
        p.selectedRole = Role.BackupPort if ours else Role.AlternatePort
        p.updtInfo = False
