"""Rapid spanning tree (IEEE 802.1D-2004, clause 17) with STP compatibility, without input or output.

Names of variables, conditions, procedures and states are those of the standard.
"""

from vether.rstp.bpdu import GROUP_ADDRESS, Bpdu, BpduError, BpduType
from vether.rstp.bridge import Bridge
from vether.rstp.outputs import Flush, Notice, Output, PortState, Send, SetState
from vether.rstp.parameters import BridgeConfig, ParameterError, PortConfig

__all__ = [
    "GROUP_ADDRESS",
    "Bpdu",
    "BpduError",
    "BpduType",
    "Bridge",
    "BridgeConfig",
    "Flush",
    "Notice",
    "Output",
    "ParameterError",
    "PortConfig",
    "PortState",
    "Send",
    "SetState",
]
