"""Running a bare-metal ELF program: on QEMU, the reference, and on our machine."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.isa.ours import LATE, MEMORY

QEMU = "qemu-system-riscv64"
ROOT = Path(__file__).parents[2]

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

    def run(self, elf: Path, harts: int, seconds: float, *, sbi: bool = False, windows: bool = False) -> Outcome:
        """Run until the program ends or `seconds` have passed; with `sbi` in S-mode on firmware.

        With `windows` it is a failure not to have used any, where they are to be used.
        """


class Qemu:
    """QEMU's `virt` board, with its own OpenSBI or none."""

    name = "qemu"
    defines: tuple[str, ...] = ()

    def missing(self) -> str | None:
        """Say why QEMU cannot run here, or give `None`."""
        if shutil.which(QEMU) is None:
            return f"{QEMU} is not installed (Debian package qemu-system-misc)"
        return None

    def run(self, elf: Path, harts: int, seconds: float, *, sbi: bool = False, windows: bool = False) -> Outcome:
        """Run `elf`; the finisher's code, cut to 8 bits, is QEMU's exit code."""
        command = [
            *(
                QEMU,
                "-M",
                "virt",
                "-cpu",
                CPU,
                "-bios",
                "default" if sbi else "none",
                "-m",
                f"{MEMORY >> 20}M",
                "-smp",
                str(harts),
            ),
            *("-display", "none", "-monitor", "none", "-serial", "stdio", "-kernel", str(elf)),
        ]
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False)
        except subprocess.TimeoutExpired as late:
            return Outcome(None, late.stdout or b"")
        return Outcome(done.returncode, done.stdout + done.stderr)


def windows_missing() -> str | None:
    """Say why there are no windows here, or give `None`."""
    native = importlib.import_module("vkd._native")
    reasons: tuple[str | None, ...] = native.translator(), native.windows()
    return next((reason for reason in reasons if reason), None)


class Machine:
    """Our machine, in a process of its own (`ours`)."""

    defines: tuple[str, ...] = ("STRICT",)

    def __init__(self, name: str, *, translate: bool, environment: dict[str, str] | None = None) -> None:
        self.name = name
        self._words = [] if translate else ["interpret"]
        self.environment = environment or {}
        self._windows = translate and "VKD_WINDOWS_AFTER" in self.environment

    def missing(self) -> str | None:
        """Say why our machine cannot run here, or give `None`."""
        try:
            native = importlib.import_module("vkd._native")
        except ImportError as error:
            return f"the native module is not built: {error}"
        return None if hasattr(native, "Machine") else "the native module has no Machine"

    def run(self, elf: Path, harts: int, seconds: float, *, sbi: bool = False, windows: bool = False) -> Outcome:
        """Run `elf`; anything but power-off is a failure. A negative code is a signal's."""
        command = [sys.executable, "-m", "tests.isa.ours", str(elf), str(harts), str(seconds), *self._words]
        command += ["sbi"] if sbi else []
        command += ["windows"] if windows and self._windows and windows_missing() is None else []
        environment = {**os.environ, **self.environment}
        try:
            done = subprocess.run(
                command, cwd=ROOT, env=environment, capture_output=True, timeout=seconds + 20, check=False
            )
        except subprocess.TimeoutExpired as late:
            return Outcome(None, late.stdout or b"")
        code = None if done.returncode == LATE else done.returncode
        return Outcome(code, done.stdout if code == 0 else done.stdout + done.stderr)


QEMU_VIRT = Qemu()
TRANSLATOR = Machine("translator", translate=True, environment={"VKD_TRANSLATE_AFTER": "0"})
WINDOWS = Machine("windows", translate=True, environment={"VKD_TRANSLATE_AFTER": "0", "VKD_WINDOWS_AFTER": "0"})
"""All code accesses memory in windows from the first."""
CROWDED = Machine(
    "crowded",
    translate=True,
    environment={
        **{"VKD_TRANSLATE_AFTER": "1", "VKD_CODE_BYTES": "65536"},
        **{"VKD_WINDOWS_AFTER": "0", "VKD_WINDOW_PIECES": "7"},
    },
)
"""Translates with so little room that code is evicted all the time, and pages out of windows."""
INTERPRETER = Machine("interpreter", translate=False)
OURS: tuple[Machine, ...] = (TRANSLATOR, WINDOWS, CROWDED, INTERPRETER)
RUNNERS: tuple[Runner, ...] = (QEMU_VIRT, *OURS)
