"""What guests do per second: the difference of two readings of their counters."""

from typing import Any

import msgspec

from vkd.api import Load

#: Ways out of the straight path of execution; see `core/machine/src/counters.rs`.
EXITS = (
    "ecalls",
    "sbi_calls",
    "csr_accesses",
    "returns",
    "fences",
    "code_fences",
    "page_faults",
    "exceptions",
    "interrupts",
    "device_accesses",
    "sleeps",
)
_DISK = ("reads", "read_bytes", "writes", "written_bytes")
_NIC = ("rx_packets", "rx_bytes", "tx_packets", "tx_bytes", "dropped")


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """One guest over `seconds`; everything else per second where it does not say otherwise."""

    cluster: str
    name: str
    state: str
    seconds: float
    #: Processor time of the vkernel: 1.0 is one core.
    cpu: float
    instructions: float
    #: Share of the instructions that ran as translated code.
    translated: float
    #: By kind: :data:`EXITS`.
    exits: dict[str, float]
    #: Pages that the TLB did not know, per thousand instructions.
    tlb_misses: float
    #: Pieces of code translated.
    translations: float
    #: Translated code there is, bytes.
    code_bytes: int
    #: Faults in windows, calls that unmapped pages there, and pieces that are mapped.
    windows: dict[str, float]
    disk: dict[str, float]
    net: dict[str, float]


def rates(before: Load, after: Load) -> Rates | None:
    """Return what happened between two readings of one guest; nothing when it was not read anew or began anew."""
    seconds = after.time - before.time
    if seconds <= 0 or (before.pid, before.boots) != (after.pid, after.boots):
        return None
    old, new = _totals(before.machine), _totals(after.machine)
    grown = {name: max(0, count - old.get(name, 0)) for name, count in new.items()}
    instructions = grown.get("instructions", 0)
    # Counters of a hart that runs are read one after the other; both of these go on meanwhile.
    translated = min(grown.get("translated", 0), instructions)

    def per_second(name: str) -> float:
        return round(grown.get(name, 0) / seconds, 1)

    return Rates(
        cluster=after.cluster,
        name=after.name,
        state=after.state,
        seconds=round(seconds, 3),
        cpu=round(max(0.0, after.cpu - before.cpu) / seconds, 3),
        instructions=per_second("instructions"),
        translated=round(translated / instructions, 4) if instructions else 0.0,
        exits={name: per_second(name) for name in EXITS},
        tlb_misses=round(1000 * grown.get("tlb_misses", 0) / instructions, 3) if instructions else 0.0,
        translations=per_second("translations"),
        code_bytes=new.get("code_bytes", 0),
        windows={
            "faults": per_second("window_faults"),
            "drops": per_second("window_drops"),
            "pieces": new.get("window_pieces", 0),
        },
        disk={name: per_second(f"disk {name}") for name in _DISK},
        net={name: per_second(f"net {name}") for name in _NIC},
    )


def _totals(machine: dict[str, Any]) -> dict[str, int]:
    """Return every counter summed over harts, disks and network cards."""
    totals = {"instructions": sum(machine.get("instructions", []))}
    for prefix, rows in (("", "harts"), ("disk ", "disks"), ("net ", "nics")):
        for row in machine.get(rows, []):
            for name, count in row.items():
                totals[prefix + name] = totals.get(prefix + name, 0) + int(count)
    return totals
