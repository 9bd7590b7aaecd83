"""The state machines of IEEE 802.1D-2004, clause 17: one table a file."""

from vether.rstp.machines.bridge_detection import BRIDGE_DETECTION
from vether.rstp.machines.port_information import PORT_INFORMATION
from vether.rstp.machines.port_protocol_migration import PORT_PROTOCOL_MIGRATION
from vether.rstp.machines.port_receive import PORT_RECEIVE
from vether.rstp.machines.port_role_selection import PORT_ROLE_SELECTION
from vether.rstp.machines.port_role_transitions import PORT_ROLE_TRANSITIONS
from vether.rstp.machines.port_state_transition import PORT_STATE_TRANSITION
from vether.rstp.machines.port_timers import PORT_TIMERS
from vether.rstp.machines.port_transmit import PORT_TRANSMIT
from vether.rstp.machines.topology_change import TOPOLOGY_CHANGE

__all__ = [
    "BRIDGE_DETECTION",
    "PORT_INFORMATION",
    "PORT_PROTOCOL_MIGRATION",
    "PORT_RECEIVE",
    "PORT_ROLE_SELECTION",
    "PORT_ROLE_TRANSITIONS",
    "PORT_STATE_TRANSITION",
    "PORT_TIMERS",
    "PORT_TRANSMIT",
    "TOPOLOGY_CHANGE",
]
