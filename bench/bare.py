"""Bare-metal programs: assembled here, run on our machine and on QEMU."""

import re
import subprocess
import time
from pathlib import Path

from vkd._native import Machine

PROGRAMS = Path(__file__).parent / "programs"
RAM = 16 << 20
LIMIT = 120.0  # seconds for one run
#: How a run or the assembler may fail.
FAILURES = (OSError, RuntimeError, subprocess.SubprocessError)


def assemble(name: str, folder: Path, **symbols: int) -> Path:
    """Return the ELF file of ``programs/name.S``, linked at the beginning of RAM."""
    elf = folder / f"{name}.elf"
    defines = [f"-Wa,--defsym,{symbol}={value}" for symbol, value in symbols.items()]
    command = [
        "riscv64-linux-gnu-gcc",
        "-nostdlib",
        "-static",
        "-no-pie",
        "-Wl,--no-warn-rwx-segments",
        "-Wl,-N,-Ttext=0x80000000,--build-id=none",
    ]
    subprocess.run([*command, *defines, "-o", elf, PROGRAMS / f"{name}.S"], check=True)
    return elf


def run_ours(elf: Path, *, translate: bool) -> bytes:
    """Run ``elf`` in M-mode on our machine and return what it printed."""
    machine = Machine(memory=RAM, harts=1, kernel=str(elf), firmware="none", translate=translate)
    machine.start()
    printed = b""
    end = time.monotonic() + LIMIT
    while (ended := machine.wait(0)) is None and time.monotonic() < end:
        printed += machine.console_read(0.1)
    printed += machine.console_read(0)
    machine.stop()
    if ended is None or ended[0] != "poweroff":
        raise RuntimeError(f"{elf.name} did not power off on our machine: {ended}")
    return printed


def run_qemu(elf: Path) -> bytes:
    """Run ``elf`` in M-mode on QEMU and return what it printed."""
    command = ["qemu-system-riscv64", "-M", "virt", "-m", f"{RAM >> 20}M", "-bios", "none"]
    done = subprocess.run(
        [*command, "-nographic", "-monitor", "none", "-serial", "stdio", "-kernel", elf],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=LIMIT,
        check=True,
    )
    return done.stdout


def ticks(printed: bytes) -> int:
    """Return the number that a program printed as 16 hexadecimal digits."""
    found = re.search(rb"[0-9a-f]{16}", printed)
    if found is None:
        raise RuntimeError(f"no time in the program's output: {printed!r}")
    return int(found.group(), 16)
