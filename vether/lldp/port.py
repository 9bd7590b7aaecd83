"""A port of the LLDP agent: its variables and procedures (IEEE 802.1AB-2016, 9.2.5 to 9.2.7) and its neighbours."""

from collections.abc import Callable
from dataclasses import dataclass, field

from vether.lldp.lldpdu import Lldpdu, decode_untrusted
from vether.lldp.local import LocalSystem
from vether.lldp.tlv import LldpError

_Identifier = tuple[tuple[int, bytes], tuple[int, bytes]]


@dataclass
class Neighbour:
    """What one neighbour said last, and for how many more seconds that counts (rxInfoTTL)."""

    pdu: Lldpdu
    ttl: int


@dataclass(eq=False)
class Port:
    """The variables of one port. `send` takes an LLDPDU, `notify` whether a neighbour is there and which."""

    name: str
    local: LocalSystem
    send: Callable[[Lldpdu], None]
    notify: Callable[[str, Lldpdu], None]

    portEnabled: bool = False
    badFrame: bool = False
    localChange: bool = False
    newNeighbor: bool = False
    rcvFrame: bool = False
    rxChanges: bool = False
    rxInfoAge: bool = False
    rxTTL: int = 0
    txCredit: int = 0
    txFast: int = 0
    txNow: bool = False
    txTTR: int = 0
    txTick: bool = False

    #: The octets that rcvFrame speaks of.
    frame: bytes = b""
    neighbours: dict[_Identifier, Neighbour] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)
    current: dict[str, str] = field(default_factory=dict)
    _received: Lldpdu | None = None

    def count(self, what: str, number: int = 1) -> None:
        """Count an event."""
        if number:
            self.counters[what] = self.counters.get(what, 0) + number

    def txInfoFrame(self) -> None:
        """Send what there is to say: mibConstrInfoLLDPDU and txFrame (9.2.7.3, 9.2.7.9)."""
        self.count("tx")
        self.send(self.local.lldpdu(self.name, self.local.txTTL))

    def rxProcessFrame(self) -> None:
        """Read the frame (9.2.7.7): sets badFrame, or rxTTL and rxChanges."""
        self.rxChanges = False
        self.rxTTL = 0
        self._received = None
        try:
            pdu = decode_untrusted(self.frame)
        except LldpError as error:
            self.badFrame = True
            self.count(str(error))
            return
        self.badFrame = False
        self.count("rx")
        self.count("tlv-unrecognized", pdu.unrecognized)
        self.count("tlv-discarded", pdu.discarded)
        known = self.neighbours.get(pdu.identifier)
        if known is None and pdu.ttl and len(self.neighbours) >= self.local.neighbours:
            self.badFrame = True
            self.count("too-many-neighbours")
            return
        self._received = pdu
        self.rxTTL = pdu.ttl
        self.rxChanges = known is None or known.pdu != pdu
        if known is not None and pdu.ttl:
            known.ttl = pdu.ttl

    def mibUpdateObjects(self) -> None:
        """Remember what was received (9.2.7.5)."""
        pdu = self._received
        if pdu is None:
            return
        is_new = pdu.identifier not in self.neighbours
        self.neighbours[pdu.identifier] = Neighbour(pdu, pdu.ttl)
        self.newNeighbor = self.newNeighbor or is_new
        self.notify("added" if is_new else "changed", pdu)

    def mibDeleteObjects(self) -> None:
        """Forget whom time, or a goodbye, has ended (9.2.7.4)."""
        if self._received is not None and self._received.ttl == 0:
            self._forget(self._received.identifier)
            self._received = None
        for identifier in [identifier for identifier, known in self.neighbours.items() if known.ttl <= 0]:
            self.count("aged")
            self._forget(identifier)

    def _forget(self, identifier: _Identifier) -> None:
        known = self.neighbours.pop(identifier, None)
        if known is not None:
            self.notify("removed", known.pdu)

    def tick(self) -> None:
        """Let a second pass (the timers of 9.2.2)."""
        self.txTTR = max(self.txTTR - 1, 0)
        self.txTick = True
        for known in self.neighbours.values():
            known.ttl -= 1
            self.rxInfoAge |= known.ttl <= 0
