"""The state machines of LLDP (IEEE 802.1AB-2016, 9.2.8 to 9.2.10) as tables.

A port here always both sends and receives (`adminStatus` is enabledRxTx) while the agent has it.
"""

from vether.lldp.port import Port
from vether.statemachine import UCT, Machine, State, nothing

# Transmit state machine.


def _tx_lldp_initialize(p: Port) -> None:
    p.txNow = False


def _tx_info_frame(p: Port) -> None:
    p.txInfoFrame()
    p.txCredit = max(p.txCredit - 1, 0)
    p.txNow = False


TRANSMIT = Machine[Port](
    name="TX",
    begin=lambda _: "TX_LLDP_INITIALIZE",
    entries=((lambda p: not p.portEnabled and p.current["TX"] != "TX_LLDP_INITIALIZE", "TX_LLDP_INITIALIZE"),),
    states={
        "TX_LLDP_INITIALIZE": State(_tx_lldp_initialize, ((lambda p: p.portEnabled, "TX_IDLE"),)),
        "TX_IDLE": State(nothing, ((lambda p: p.txNow and p.txCredit > 0, "TX_INFO_FRAME"),)),
        "TX_INFO_FRAME": State(_tx_info_frame, ((UCT, "TX_IDLE"),)),
    },
)

# Transmit timer state machine.


def _tx_timer_initialize(p: Port) -> None:
    p.txTick = p.txNow = p.localChange = p.newNeighbor = False
    p.txTTR = p.txFast = 0
    p.txCredit = p.local.txCreditMax


def _tx_timer_expires(p: Port) -> None:
    p.txFast = max(p.txFast - 1, 0)


def _signal_tx(p: Port) -> None:
    p.txNow = True
    p.localChange = False
    p.txTTR = p.local.msgFastTx if p.txFast > 0 else p.local.msgTxInterval


def _tx_fast_start(p: Port) -> None:
    p.newNeighbor = False
    if p.txFast == 0:
        p.txFast = p.local.txFastInit


def _tx_tick(p: Port) -> None:
    p.txTick = False
    p.txCredit = min(p.txCredit + 1, p.local.txCreditMax)


TRANSMIT_TIMER = Machine[Port](
    name="TXT",
    begin=lambda _: "TX_TIMER_INITIALIZE",
    entries=((lambda p: not p.portEnabled and p.current["TXT"] != "TX_TIMER_INITIALIZE", "TX_TIMER_INITIALIZE"),),
    states={
        "TX_TIMER_INITIALIZE": State(_tx_timer_initialize, ((lambda p: p.portEnabled, "TX_TIMER_IDLE"),)),
        "TX_TIMER_IDLE": State(
            nothing,
            (
                (lambda p: p.localChange, "SIGNAL_TX"),
                (lambda p: p.txTTR == 0, "TX_TIMER_EXPIRES"),
                (lambda p: p.newNeighbor, "TX_FAST_START"),
                (lambda p: p.txTick, "TX_TICK"),
            ),
        ),
        "TX_TIMER_EXPIRES": State(_tx_timer_expires, ((UCT, "SIGNAL_TX"),)),
        "SIGNAL_TX": State(_signal_tx, ((UCT, "TX_TIMER_IDLE"),)),
        "TX_FAST_START": State(_tx_fast_start, ((UCT, "TX_TIMER_EXPIRES"),)),
        "TX_TICK": State(_tx_tick, ((UCT, "TX_TIMER_IDLE"),)),
    },
)

# Receive state machine.


def _delete_info(p: Port) -> None:
    p.mibDeleteObjects()
    p.rxInfoAge = False


def _rx_lldp_initialize(p: Port) -> None:
    p.rcvFrame = False


def _rx_frame(p: Port) -> None:
    p.rcvFrame = False
    p.rxProcessFrame()


def _update_info(p: Port) -> None:
    p.mibUpdateObjects()


RECEIVE = Machine[Port](
    name="RX",
    begin=lambda _: "LLDP_WAIT_PORT_OPERATIONAL",
    entries=(
        (
            lambda p: not p.rxInfoAge and not p.portEnabled and p.current["RX"] != "LLDP_WAIT_PORT_OPERATIONAL",
            "LLDP_WAIT_PORT_OPERATIONAL",
        ),
    ),
    states={
        "LLDP_WAIT_PORT_OPERATIONAL": State(
            nothing,
            ((lambda p: p.rxInfoAge, "DELETE_AGED_INFO"), (lambda p: p.portEnabled, "RX_LLDP_INITIALIZE")),
        ),
        "DELETE_AGED_INFO": State(_delete_info, ((UCT, "LLDP_WAIT_PORT_OPERATIONAL"),)),
        "RX_LLDP_INITIALIZE": State(_rx_lldp_initialize, ((UCT, "RX_WAIT_FOR_FRAME"),)),
        "RX_WAIT_FOR_FRAME": State(
            nothing,
            ((lambda p: p.rxInfoAge, "DELETE_INFO"), (lambda p: p.rcvFrame, "RX_FRAME")),
        ),
        "DELETE_INFO": State(_delete_info, ((UCT, "RX_WAIT_FOR_FRAME"),)),
        "RX_FRAME": State(
            _rx_frame,
            (
                (lambda p: p.badFrame, "RX_WAIT_FOR_FRAME"),
                (lambda p: p.rxTTL == 0, "DELETE_INFO"),
                (lambda p: p.rxTTL != 0 and p.rxChanges, "UPDATE_INFO"),
                (lambda p: p.rxTTL != 0 and not p.rxChanges, "RX_WAIT_FOR_FRAME"),
            ),
        ),
        "UPDATE_INFO": State(_update_info, ((UCT, "RX_WAIT_FOR_FRAME"),)),
    },
)
