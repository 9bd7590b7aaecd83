"""Port Role Transitions state machine (IEEE 802.1D-2004, 17.29), from the four figures that show its parts."""

from vether.rstp.conditions import is_selected
from vether.rstp.machines.alternate_port import ALTERNATE_ENTRY, ALTERNATE_STATES
from vether.rstp.machines.designated_port import DESIGNATED_ENTRY, DESIGNATED_STATES
from vether.rstp.machines.disabled_port import DISABLED_ENTRY, DISABLED_STATES
from vether.rstp.machines.root_port import ROOT_ENTRY, ROOT_STATES
from vether.rstp.variables import Port
from vether.statemachine import Machine

PORT_ROLE_TRANSITIONS = Machine[Port](
    name="PRT",
    begin=lambda _: "INIT_PORT",
    qualifier=is_selected,
    entries=(DISABLED_ENTRY, ROOT_ENTRY, DESIGNATED_ENTRY, ALTERNATE_ENTRY),
    states={**DISABLED_STATES, **ROOT_STATES, **DESIGNATED_STATES, **ALTERNATE_STATES},
)
