"""Link layer discovery (IEEE 802.1AB-2016) without input or output: neighbours get names.

Names of variables, procedures and states are those of the standard.
"""

from vether.lldp.agent import Agent, Changed, Send
from vether.lldp.lldpdu import ETHERTYPE, NEAREST_BRIDGE, Lldpdu
from vether.lldp.local import LocalSystem
from vether.lldp.tlv import LldpError

__all__ = ["ETHERTYPE", "NEAREST_BRIDGE", "Agent", "Changed", "LldpError", "Lldpdu", "LocalSystem", "Send"]
