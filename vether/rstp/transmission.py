"""What is sent (IEEE 802.1D-2004, 17.21.19 to 17.21.21)."""

from vether.rstp.bpdu import Bpdu, BpduType, EncodedRole, Flag
from vether.rstp.outputs import Send
from vether.rstp.variables import Port, Role

_ENCODED = {
    Role.RootPort: EncodedRole.ROOT,
    Role.DesignatedPort: EncodedRole.DESIGNATED,
    Role.AlternatePort: EncodedRole.ALTERNATE_BACKUP,
    Role.BackupPort: EncodedRole.ALTERNATE_BACKUP,
}


def txConfig(p: Port) -> None:
    """17.21.19."""
    flags = Flag.TOPOLOGY_CHANGE if p.tcWhile else Flag(0)
    if p.tcAck:
        flags |= Flag.TOPOLOGY_CHANGE_ACK
    _send(p, _bpdu(p, BpduType.CONFIGURATION, flags, EncodedRole.UNKNOWN))


def txRstp(p: Port) -> None:
    """17.21.20. A disabled port has no role that could be sent, and nobody to send it to."""
    role = _ENCODED.get(p.role)
    if role is None:
        return
    conditions = {
        Flag.AGREEMENT: p.agree,
        Flag.PROPOSAL: p.proposing,
        Flag.TOPOLOGY_CHANGE: p.tcWhile != 0,
        Flag.LEARNING: p.learning,
        Flag.FORWARDING: p.forwarding,
    }
    flags = Flag(0)
    for flag, condition in conditions.items():
        if condition:
            flags |= flag
    _send(p, _bpdu(p, BpduType.RST, flags, role))


def txTcn(p: Port) -> None:
    """17.21.21."""
    _send(p, Bpdu(BpduType.TCN))


def _bpdu(p: Port, kind: BpduType, flags: Flag, role: EncodedRole) -> Bpdu:
    return Bpdu(kind, flags, role, *p.designatedPriority, *p.designatedTimes)


def _send(p: Port, bpdu: Bpdu) -> None:
    if p.portEnabled:
        p.count(f"tx-{bpdu.type.name.lower()}")
        p.bridge.out.append(Send(p.config.name, bpdu.encode()))
