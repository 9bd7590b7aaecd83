"""The procedures of the state machines (IEEE 802.1D-2004, 17.21) under their names there.

Selection of roles is in `selection.py`, transmission in `transmission.py`.
"""

from vether.rstp.bpdu import Bpdu, BpduType, EncodedRole, Flag
from vether.rstp.conditions import HelloTime, rstpVersion
from vether.rstp.outputs import PortState, SetState
from vether.rstp.parameters import Times, Vector
from vether.rstp.variables import InfoIs, Port, RcvdInfo


def betterorsameInfo(p: Port, newInfoIs: InfoIs) -> bool:
    """17.21.1; the parameter says whose information is new, as 802.1Q, 13.26.1, made explicit."""
    if newInfoIs is not p.infoIs:
        return False
    new = p.msgPriority if newInfoIs is InfoIs.Received else p.designatedPriority
    return new <= p.portPriority


def disableForwarding(p: Port) -> None:
    """17.21.3."""
    if p.forwarding:
        p.bridge.out.append(SetState(p.config.name, PortState.Discarding))


def disableLearning(p: Port) -> None:
    """17.21.4. Together with disableForwarding one command to the datapath."""
    if not p.forwarding:
        p.bridge.out.append(SetState(p.config.name, PortState.Discarding))


def enableForwarding(p: Port) -> None:
    """17.21.5."""
    p.bridge.out.append(SetState(p.config.name, PortState.Forwarding))


def enableLearning(p: Port) -> None:
    """17.21.6."""
    p.bridge.out.append(SetState(p.config.name, PortState.Learning))


def newTcWhile(p: Port) -> None:
    """17.21.7."""
    if p.tcWhile:
        return
    if p.sendRSTP:
        p.tcWhile = HelloTime(p) + 1
        p.newInfo = True
    else:
        p.tcWhile = p.bridge.rootTimes.MaxAge + p.bridge.rootTimes.ForwardDelay


def rcvInfo(p: Port) -> RcvdInfo:
    """17.21.8. A TCN, which has no vector, takes the way of a root port's message, where its flag is noted."""
    message = _message(p)
    if message.type is BpduType.TCN:
        return RcvdInfo.InferiorRootAlternateInfo
    p.msgPriority = Vector(message.root_id, message.root_path_cost, message.bridge_id, message.port_id)
    times = (message.message_age, message.max_age, message.hello_time, message.forward_delay)
    # Timers count whole seconds; others send fractions.
    p.msgTimes = Times(*(int(time + 0.5) for time in times))
    if message.type is BpduType.CONFIGURATION or message.role is EncodedRole.DESIGNATED:
        if p.msgPriority == p.portPriority and p.msgTimes == p.portTimes:
            return RcvdInfo.RepeatedDesignatedInfo
        if p.msgPriority <= p.portPriority or p.msgPriority.is_same_source(p.portPriority):
            return RcvdInfo.SuperiorDesignatedInfo
        return RcvdInfo.InferiorDesignatedInfo
    return RcvdInfo.InferiorRootAlternateInfo if p.msgPriority >= p.portPriority else RcvdInfo.OtherInfo


def recordAgreement(p: Port) -> None:
    """17.21.9."""
    agreement = bool(_message(p).flags & Flag.AGREEMENT)
    if rstpVersion(p) and p.operPointToPointMAC and agreement:
        p.agreed = True
        p.proposing = False
    else:
        p.agreed = False


def recordDispute(p: Port) -> None:
    """17.21.10, as corrected in 802.1Q-2005, 13.26: a neighbour that learns and does not hear us is disputed.

    What is printed in 802.1D-2004 (agreed is set, proposing cleared) leaves nothing that ever sets `disputed`, and a
    loop over a link that works in one direction only.
    """
    if _message(p).flags & Flag.LEARNING:
        p.disputed = True
        p.agreed = False


def recordPriority(p: Port) -> None:
    """17.21.11."""
    p.portPriority = p.msgPriority


def recordProposal(p: Port) -> None:
    """17.21.12."""
    message = _message(p)
    if message.role is EncodedRole.DESIGNATED and message.flags & Flag.PROPOSAL:
        p.proposed = True


def recordTimes(p: Port) -> None:
    """17.21.13: the sender's times, with a hello time of a second at least."""
    p.portTimes = p.msgTimes._replace(HelloTime=max(p.msgTimes.HelloTime, 1))


def setReRootTree(p: Port) -> None:
    """17.21.15."""
    for q in p.bridge.ports:
        q.reRoot = True


def setSyncTree(p: Port) -> None:
    """17.21.14."""
    for q in p.bridge.ports:
        q.sync = True


def setTcFlags(p: Port) -> None:
    """17.21.17."""
    message = _message(p)
    if message.type is BpduType.TCN:
        p.rcvdTcn = True
        return
    if message.flags & Flag.TOPOLOGY_CHANGE:
        p.rcvdTc = True
    if message.flags & Flag.TOPOLOGY_CHANGE_ACK:
        p.rcvdTcAck = True


def setTcPropTree(p: Port) -> None:
    """17.21.18."""
    for q in p.bridge.ports:
        if q is not p:
            q.tcProp = True


def updtBPDUVersion(p: Port) -> None:
    """17.21.22."""
    if _message(p).type is BpduType.RST:
        p.rcvdRSTP = True
    else:
        p.rcvdSTP = True


def updtRcvdInfoWhile(p: Port) -> None:
    """17.21.23: three hellos, unless the information has come too far."""
    times = p.portTimes
    p.rcvdInfoWhile = 3 * times.HelloTime if times.MessageAge + 1 <= times.MaxAge else 0


def _message(p: Port) -> Bpdu:
    if p.message is None:
        raise RuntimeError("rcvdBPDU is set without a message")
    return p.message
