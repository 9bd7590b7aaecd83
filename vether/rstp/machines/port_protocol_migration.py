"""Port Protocol Migration state machine (IEEE 802.1D-2004, 17.24)."""

from vether.rstp.conditions import rstpVersion
from vether.rstp.parameters import MigrateTime
from vether.rstp.variables import Port
from vether.statemachine import Machine, State


def _checking_rstp(p: Port) -> None:
    p.mcheck = False
    p.sendRSTP = rstpVersion(p)
    p.mdelayWhile = MigrateTime


def _selecting_stp(p: Port) -> None:
    p.sendRSTP = False
    p.mdelayWhile = MigrateTime


def _sensing(p: Port) -> None:
    p.rcvdRSTP = p.rcvdSTP = False


PORT_PROTOCOL_MIGRATION = Machine[Port](
    name="PPM",
    begin=lambda _: "CHECKING_RSTP",
    states={
        "CHECKING_RSTP": State(
            _checking_rstp,
            (
                (lambda p: p.mdelayWhile != MigrateTime and not p.portEnabled, "CHECKING_RSTP"),
                (lambda p: p.mdelayWhile == 0, "SENSING"),
            ),
        ),
        "SELECTING_STP": State(
            _selecting_stp,
            ((lambda p: p.mdelayWhile == 0 or not p.portEnabled or p.mcheck, "SENSING"),),
        ),
        "SENSING": State(
            _sensing,
            (
                (
                    lambda p: not p.portEnabled or p.mcheck or (rstpVersion(p) and not p.sendRSTP and p.rcvdRSTP),
                    "CHECKING_RSTP",
                ),
                (lambda p: p.sendRSTP and p.rcvdSTP, "SELECTING_STP"),
            ),
        ),
    },
)
