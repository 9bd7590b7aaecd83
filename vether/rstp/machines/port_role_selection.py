"""Port Role Selection state machine (IEEE 802.1D-2004, 17.28): one for the bridge."""

from typing import TYPE_CHECKING

from vether.rstp.selection import clearReselectTree, setSelectedTree, updtRoleDisabledTree, updtRolesTree
from vether.statemachine import UCT, Machine, State

if TYPE_CHECKING:
    from vether.rstp.bridge import Bridge


def _role_selection(b: "Bridge") -> None:
    clearReselectTree(b)
    updtRolesTree(b)
    setSelectedTree(b)


PORT_ROLE_SELECTION: "Machine[Bridge]" = Machine(
    name="PRS",
    begin=lambda _: "INIT_BRIDGE",
    states={
        "INIT_BRIDGE": State(updtRoleDisabledTree, ((UCT, "ROLE_SELECTION"),)),
        "ROLE_SELECTION": State(_role_selection, ((lambda b: any(p.reselect for p in b.ports), "ROLE_SELECTION"),)),
    },
)
