"""Port State Transition state machine (IEEE 802.1D-2004, 17.30)."""

from vether.rstp.procedures import disableForwarding, disableLearning, enableForwarding, enableLearning
from vether.rstp.variables import Port
from vether.statemachine import Machine, State


def _discarding(p: Port) -> None:
    disableLearning(p)
    p.learning = False
    disableForwarding(p)
    p.forwarding = False


def _learning(p: Port) -> None:
    enableLearning(p)
    p.learning = True


def _forwarding(p: Port) -> None:
    enableForwarding(p)
    p.forwarding = True


PORT_STATE_TRANSITION = Machine[Port](
    name="PST",
    begin=lambda _: "DISCARDING",
    states={
        "DISCARDING": State(_discarding, ((lambda p: p.learn, "LEARNING"),)),
        "LEARNING": State(_learning, ((lambda p: not p.learn, "DISCARDING"), (lambda p: p.forward, "FORWARDING"))),
        "FORWARDING": State(_forwarding, ((lambda p: not p.forward, "DISCARDING"),)),
    },
)
