"""Bridge Detection state machine (IEEE 802.1D-2004, 17.25)."""

from vether.rstp.variables import Port
from vether.statemachine import Machine, State


def _edge(p: Port) -> None:
    p.operEdge = True


def _not_edge(p: Port) -> None:
    p.operEdge = False


def _is_silent(p: Port) -> bool:
    return p.edgeDelayWhile == 0 and p.AutoEdge and p.sendRSTP and p.proposing


BRIDGE_DETECTION = Machine[Port](
    name="BDM",
    begin=lambda p: "EDGE" if p.AdminEdge else "NOT_EDGE",
    states={
        "EDGE": State(_edge, ((lambda p: (not p.portEnabled and not p.AdminEdge) or not p.operEdge, "NOT_EDGE"),)),
        "NOT_EDGE": State(_not_edge, ((lambda p: (not p.portEnabled and p.AdminEdge) or _is_silent(p), "EDGE"),)),
    },
)
