"""Running a bare-metal ELF program: on QEMU, the reference, and on our machine."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

QEMU = "qemu-system-riscv64"

CPU = ",".join(
    [
        "rv64",
        *(
            f"{name}=on"
            for name in ("zicond", "svinval", "svadu", "sstc", "zicbom", "zicboz", "zba", "zbb", "zbs", "sv48")
        ),
        *(f"{name}=off" for name in ("sv57", "zbc", "zfa", "zawrs", "h")),
    ]
)
"""QEMU's model with exactly our extensions: what we lack must be illegal there as well."""

MEMORY = 128 << 20


@dataclass(frozen=True)
class Outcome:
    """How a program ended: `code` 0 is a pass, `None` a time-out; `output` is what it wrote to the UART."""

    code: int | None
    output: bytes


class Runner(Protocol):
    """Something that runs an ELF program on a number of harts."""

    name: str
    defines: tuple[str, ...]
    """Names that are defined when a program is assembled for it."""

    def missing(self) -> str | None:
        """Say why it cannot run here, or give `None`."""

    def run(self, elf: Path, harts: int, seconds: float) -> Outcome:
        """Run until the program ends or `seconds` have passed."""


class Qemu:
    """QEMU's `virt` board without firmware."""

    name = "qemu"
    defines: tuple[str, ...] = ()

    def missing(self) -> str | None:
        """Say why QEMU cannot run here, or give `None`."""
        if shutil.which(QEMU) is None:
            return f"{QEMU} is not installed (Debian package qemu-system-misc)"
        return None

    def run(self, elf: Path, harts: int, seconds: float) -> Outcome:
        """Run `elf`; the finisher's code, cut to 8 bits, is QEMU's exit code."""
        command = [
            *(QEMU, "-M", "virt", "-cpu", CPU, "-bios", "none", "-m", f"{MEMORY >> 20}M", "-smp", str(harts)),
            *("-display", "none", "-monitor", "none", "-serial", "stdio", "-kernel", str(elf)),
        ]
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False)
        except subprocess.TimeoutExpired as late:
            return Outcome(None, late.stdout or b"")
        return Outcome(done.returncode, done.stdout + done.stderr)


class Machine:
    """Our machine, through the native module."""

    name = "machine"
    defines: tuple[str, ...] = ("STRICT",)

    def missing(self) -> str | None:
        """Say why our machine cannot run here, or give `None`."""
        try:
            native = importlib.import_module("vkd._native")
        except ImportError as error:
            return f"the native module is not built: {error}"
        return None if hasattr(native, "Machine") else "the native module has no Machine"

    def run(self, elf: Path, harts: int, seconds: float) -> Outcome:
        """Run `elf` with no firmware; anything but power-off is a failure."""
        native: Any = importlib.import_module("vkd._native")
        machine = native.Machine(memory=MEMORY, harts=harts, kernel=str(elf), firmware="none")
        machine.start()
        deadline = time.monotonic() + seconds
        output = bytearray()
        ended = None
        while ended is None and time.monotonic() < deadline:
            output += machine.console_read(0.02)
            ended = machine.wait(0)
        while more := machine.console_read(0):
            output += more
        if ended is None:
            machine.stop()
            return Outcome(None, bytes(output))
        kind, code, text = ended
        if kind == "poweroff":
            return Outcome(0, bytes(output))
        return Outcome(code if kind == "failure" and code else -1, bytes(output) + f"\n{kind}: {text}".encode())


RUNNERS: tuple[Runner, ...] = (Qemu(), Machine())
