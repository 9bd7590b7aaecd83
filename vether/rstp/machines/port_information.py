"""Port Information state machine (IEEE 802.1D-2004, 17.27)."""

from vether.rstp.procedures import (
    betterorsameInfo,
    rcvInfo,
    recordAgreement,
    recordDispute,
    recordPriority,
    recordProposal,
    recordTimes,
    setTcFlags,
    updtRcvdInfoWhile,
)
from vether.rstp.variables import InfoIs, Port, RcvdInfo
from vether.statemachine import UCT, Machine, State, nothing


def _disabled(p: Port) -> None:
    p.rcvdMsg = False
    p.proposing = p.proposed = p.agree = p.agreed = False
    p.rcvdInfoWhile = 0
    p.infoIs = InfoIs.Disabled
    p.reselect = True
    p.selected = False


def _aged(p: Port) -> None:
    p.infoIs = InfoIs.Aged
    p.reselect = True
    p.selected = False


def _update(p: Port) -> None:
    p.proposing = p.proposed = False
    p.agreed = p.agreed and betterorsameInfo(p, InfoIs.Mine)
    p.synced = p.synced and p.agreed
    p.portPriority = p.designatedPriority
    p.portTimes = p.designatedTimes
    p.updtInfo = False
    p.infoIs = InfoIs.Mine
    p.newInfo = True


def _receive(p: Port) -> None:
    p.rcvdInfo = rcvInfo(p)


def _superior_designated(p: Port) -> None:
    p.agreed = p.proposing = False
    recordProposal(p)
    setTcFlags(p)
    p.agree = p.agree and betterorsameInfo(p, InfoIs.Received)
    recordPriority(p)
    recordTimes(p)
    updtRcvdInfoWhile(p)
    p.infoIs = InfoIs.Received
    p.reselect = True
    p.selected = False
    p.rcvdMsg = False


def _repeated_designated(p: Port) -> None:
    recordProposal(p)
    setTcFlags(p)
    updtRcvdInfoWhile(p)
    p.rcvdMsg = False


def _inferior_designated(p: Port) -> None:
    recordDispute(p)
    p.rcvdMsg = False


def _not_designated(p: Port) -> None:
    recordAgreement(p)
    setTcFlags(p)
    p.rcvdMsg = False


def _other(p: Port) -> None:
    p.rcvdMsg = False


def _is_aged(p: Port) -> bool:
    return p.infoIs is InfoIs.Received and p.rcvdInfoWhile == 0 and not p.updtInfo and not p.rcvdMsg


PORT_INFORMATION = Machine[Port](
    name="PIM",
    begin=lambda _: "DISABLED",
    entries=((lambda p: not p.portEnabled and p.infoIs is not InfoIs.Disabled, "DISABLED"),),
    states={
        "DISABLED": State(_disabled, ((lambda p: p.rcvdMsg, "DISABLED"), (lambda p: p.portEnabled, "AGED"))),
        "AGED": State(_aged, ((lambda p: p.selected and p.updtInfo, "UPDATE"),)),
        "UPDATE": State(_update, ((UCT, "CURRENT"),)),
        "SUPERIOR_DESIGNATED": State(_superior_designated, ((UCT, "CURRENT"),)),
        "REPEATED_DESIGNATED": State(_repeated_designated, ((UCT, "CURRENT"),)),
        "INFERIOR_DESIGNATED": State(_inferior_designated, ((UCT, "CURRENT"),)),
        "NOT_DESIGNATED": State(_not_designated, ((UCT, "CURRENT"),)),
        "OTHER": State(_other, ((UCT, "CURRENT"),)),
        "CURRENT": State(
            nothing,
            (
                (lambda p: p.selected and p.updtInfo, "UPDATE"),
                (_is_aged, "AGED"),
                (lambda p: p.rcvdMsg and not p.updtInfo, "RECEIVE"),
            ),
        ),
        "RECEIVE": State(
            _receive,
            (
                (lambda p: p.rcvdInfo is RcvdInfo.SuperiorDesignatedInfo, "SUPERIOR_DESIGNATED"),
                (lambda p: p.rcvdInfo is RcvdInfo.RepeatedDesignatedInfo, "REPEATED_DESIGNATED"),
                (lambda p: p.rcvdInfo is RcvdInfo.InferiorDesignatedInfo, "INFERIOR_DESIGNATED"),
                (lambda p: p.rcvdInfo is RcvdInfo.InferiorRootAlternateInfo, "NOT_DESIGNATED"),
                (lambda p: p.rcvdInfo is RcvdInfo.OtherInfo, "OTHER"),
            ),
        ),
    },
)
