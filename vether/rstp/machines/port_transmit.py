"""Port Transmit state machine (IEEE 802.1D-2004, 17.26)."""

from vether.rstp.conditions import HelloTime, TxHoldCount, is_selected
from vether.rstp.transmission import txConfig, txRstp, txTcn
from vether.rstp.variables import Port, Role
from vether.statemachine import UCT, Machine, State


def _transmit_init(p: Port) -> None:
    p.newInfo = True
    p.txCount = 0


def _idle(p: Port) -> None:
    p.helloWhen = HelloTime(p)


def _transmit_periodic(p: Port) -> None:
    p.newInfo = p.newInfo or p.role is Role.DesignatedPort or (p.role is Role.RootPort and p.tcWhile != 0)


def _transmit_config(p: Port) -> None:
    p.newInfo = False
    txConfig(p)
    p.txCount += 1
    p.tcAck = False


def _transmit_tcn(p: Port) -> None:
    p.newInfo = False
    txTcn(p)
    p.txCount += 1


def _transmit_rstp(p: Port) -> None:
    p.newInfo = False
    txRstp(p)
    p.txCount += 1
    p.tcAck = False


def _may_send(p: Port) -> bool:
    return p.newInfo and p.txCount < TxHoldCount(p) and p.helloWhen != 0


PORT_TRANSMIT = Machine[Port](
    name="PTX",
    begin=lambda _: "TRANSMIT_INIT",
    qualifier=is_selected,
    states={
        "TRANSMIT_INIT": State(_transmit_init, ((UCT, "IDLE"),)),
        "IDLE": State(
            _idle,
            (
                (lambda p: p.helloWhen == 0, "TRANSMIT_PERIODIC"),
                (lambda p: p.sendRSTP and _may_send(p), "TRANSMIT_RSTP"),
                (lambda p: not p.sendRSTP and p.role is Role.RootPort and _may_send(p), "TRANSMIT_TCN"),
                (lambda p: not p.sendRSTP and p.role is Role.DesignatedPort and _may_send(p), "TRANSMIT_CONFIG"),
            ),
        ),
        "TRANSMIT_PERIODIC": State(_transmit_periodic, ((UCT, "IDLE"),)),
        "TRANSMIT_CONFIG": State(_transmit_config, ((UCT, "IDLE"),)),
        "TRANSMIT_TCN": State(_transmit_tcn, ((UCT, "IDLE"),)),
        "TRANSMIT_RSTP": State(_transmit_rstp, ((UCT, "IDLE"),)),
    },
)
