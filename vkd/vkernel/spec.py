"""`spec.json`: all that the vkernel process needs to know of its guest."""

from pathlib import Path
from typing import Literal

import msgspec


class Disk(msgspec.Struct, forbid_unknown_fields=True):
    """A virtio disk over a raw file."""

    path: str
    readonly: bool = False


class Nic(msgspec.Struct, forbid_unknown_fields=True):
    """A virtio network card: the switch's port socket, and the MAC address as `02:00:00:00:00:01`."""

    socket: str
    mac: str

    def mac_bytes(self) -> bytes:
        """Return the address as 6 bytes. Raises `ValueError` if it is malformed."""
        address = bytes.fromhex(self.mac.replace(":", ""))
        if len(address) != 6:
            raise ValueError(f"{self.mac!r} is not a MAC address of 6 bytes")
        return address


class Spec(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One guest. `memory` is bytes; `firmware` is `builtin`, `none` or a path."""

    cluster: str
    name: str
    memory: int
    cpus: int = 1
    kernel: str | None = None
    #: Concatenated in this order.
    initrd: list[str] = []
    cmdline: str = ""
    firmware: str = "builtin"
    translate: bool = True
    windows: bool = True
    disks: list[Disk] = []
    nics: list[Nic] = []


#: What the guest's folder holds.
SPEC, CONSOLE, CONSOLE_LOG, CONTROL, EXIT, LOG = (
    "spec.json",
    "console.sock",
    "console.log",
    "control.sock",
    "exit.json",
    "vkernel.log",
)


class ExitRecord(msgspec.Struct, kw_only=True):
    """`exit.json`: how the process ended.

    `kind` is one of poweroff, stopped, failure, halted, fault; `ended` is seconds since the epoch.
    """

    kind: Literal["poweroff", "stopped", "reboot", "failure", "halted", "fault"]
    code: int = 0
    reason: str = ""
    boots: int = 1
    ended: float = 0.0


def read_spec(folder: Path) -> Spec:
    """Read `folder/spec.json`. Raises `ValueError` with the reason, or `OSError`."""
    try:
        return msgspec.json.decode((folder / SPEC).read_bytes(), type=Spec)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise ValueError(f"{folder / SPEC}: {error}") from error


def write_atomically(path: Path, value: msgspec.Struct) -> None:
    """Write `value` as JSON so that a reader sees all of it or nothing."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_bytes(msgspec.json.encode(value))
    temporary.replace(path)


def read_exit_untrusted(folder: Path) -> ExitRecord | None:
    """Read `folder/exit.json`; None when it is not there or not readable as one."""
    try:
        return msgspec.json.decode((folder / EXIT).read_bytes(), type=ExitRecord)
    except (OSError, msgspec.DecodeError, msgspec.ValidationError):
        return None
