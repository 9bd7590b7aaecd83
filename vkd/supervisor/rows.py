"""Guests as the control socket shows them."""

from typing import Any

import msgspec

from vkd.api import Inspection, Load, Row
from vkd.supervisor.guest import Guest


def row(guest: Guest) -> Row:
    """Return one guest as `ps` lists it."""
    record, config = guest.record, guest.config
    return Row(
        cluster=guest.cluster,
        name=guest.name,
        state=record.state.value,
        stage=record.stage,
        reason=record.reason,
        image=config.image,
        cpus=config.cpus,
        memory=record.memory or config.memory,
        pid=record.process.pid if record.process else None,
        addresses=[nic.address for nic in config.nics],
        ssh_port=record.ssh_port,
        restarts=record.restarts,
        started=record.started,
        instructions=_instructions(guest.status),
    )


def inspection(guest: Guest, source: str | None) -> Inspection:
    """Return all that there is to know of one guest."""
    machine: dict[str, Any] = {
        **guest.status,
        "runs": msgspec.to_builtins(guest.record.runs),
        "console_tail": guest.console_tail() if guest.record.detail is None else guest.record.detail,
    }
    return Inspection(
        row=row(guest),
        config=msgspec.to_builtins(guest.config),
        folder=str(guest.folder),
        source=source,
        machine=machine,
    )


def load(guest: Guest) -> Load | None:
    """Return what one guest has done so far; nothing when its vkernel has not said."""
    try:
        return msgspec.convert(
            {
                **guest.status,
                "cluster": guest.cluster,
                "name": guest.name,
                "state": guest.record.state.value,
                "cpus": guest.config.cpus,
            },
            Load,
        )
    except msgspec.ValidationError:
        return None


def _instructions(status: dict[str, object]) -> int | None:
    machine = status.get("machine")
    counted = machine.get("instructions") if isinstance(machine, dict) else None
    if isinstance(counted, list):
        return sum(number for number in counted if isinstance(number, int))
    return counted if isinstance(counted, int) else None
