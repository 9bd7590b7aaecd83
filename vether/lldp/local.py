"""What an agent says of its own system, how often, and how much it remembers of others."""

from dataclasses import dataclass

from vether.lldp.lldpdu import CHASSIS_MAC, PORT_NAME, Lldpdu

_BRIDGE = 1 << 2


@dataclass(frozen=True, kw_only=True)
class LocalSystem:
    """The local system (IEEE 802.1AB-2016, 9.2.5 and 10.5; defaults are those recommended). Times are seconds."""

    #: MAC address, 6 bytes.
    address: bytes
    name: str
    description: str = ""
    management: tuple[str, ...] = ()
    msgTxInterval: int = 30
    msgTxHold: int = 4
    msgFastTx: int = 1
    txFastInit: int = 4
    txCreditMax: int = 5
    reinitDelay: int = 2
    #: Neighbours remembered at one port; further ones are counted (tooManyNeighbors).
    neighbours: int = 16

    @property
    def txTTL(self) -> int:  # noqa: D102 - 9.2.5.22
        return min(self.msgTxInterval * self.msgTxHold + 1, 65535)

    def lldpdu(self, port: str, ttl: int) -> Lldpdu:
        """Return what is said at `port`."""
        return Lldpdu(
            chassis=(CHASSIS_MAC, self.address),
            port=(PORT_NAME, port.encode()[:255]),
            ttl=ttl,
            port_description=port,
            system_name=self.name,
            system_description=self.description or None,
            capabilities=(_BRIDGE, _BRIDGE),
            management=self.management,
        )
