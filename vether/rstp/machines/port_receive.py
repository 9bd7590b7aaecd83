"""Port Receive state machine (IEEE 802.1D-2004, 17.23)."""

from vether.rstp.parameters import MigrateTime
from vether.rstp.procedures import updtBPDUVersion
from vether.rstp.variables import Port
from vether.statemachine import Machine, State


def _discard(p: Port) -> None:
    p.rcvdBPDU = p.rcvdRSTP = p.rcvdSTP = False
    p.rcvdMsg = False
    p.edgeDelayWhile = MigrateTime


def _receive(p: Port) -> None:
    updtBPDUVersion(p)
    p.operEdge = p.rcvdBPDU = False
    p.rcvdMsg = True
    p.edgeDelayWhile = MigrateTime


PORT_RECEIVE = Machine[Port](
    name="PRX",
    begin=lambda _: "DISCARD",
    entries=((lambda p: (p.rcvdBPDU or p.edgeDelayWhile != MigrateTime) and not p.portEnabled, "DISCARD"),),
    states={
        "DISCARD": State(_discard, ((lambda p: p.rcvdBPDU and p.portEnabled, "RECEIVE"),)),
        "RECEIVE": State(_receive, ((lambda p: p.rcvdBPDU and p.portEnabled and not p.rcvdMsg, "RECEIVE"),)),
    },
)
