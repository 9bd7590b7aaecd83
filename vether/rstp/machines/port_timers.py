"""Port Timers state machine (IEEE 802.1D-2004, 17.22)."""

from vether.rstp.variables import Port
from vether.statemachine import UCT, Machine, State

_TIMERS = (
    "helloWhen",
    "tcWhile",
    "fdWhile",
    "rcvdInfoWhile",
    "rrWhile",
    "rbWhile",
    "mdelayWhile",
    "edgeDelayWhile",
    "txCount",
)


def _one_second(p: Port) -> None:
    p.tick = False


def _tick(p: Port) -> None:
    for timer in _TIMERS:
        value = getattr(p, timer)
        if value:
            setattr(p, timer, value - 1)


PORT_TIMERS = Machine[Port](
    name="PTI",
    begin=lambda _: "ONE_SECOND",
    states={
        "ONE_SECOND": State(_one_second, ((lambda p: p.tick, "TICK"),)),
        "TICK": State(_tick, ((UCT, "ONE_SECOND"),)),
    },
)
