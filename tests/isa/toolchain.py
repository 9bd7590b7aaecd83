"""Assembling bare-metal RISC-V programs with Debian's cross compiler."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

COMPILER = "riscv64-linux-gnu-gcc"
INCLUDE = Path(__file__).parent / "programs" / "include"
ISA = "rv64imafdc_zicsr_zifencei_zicbom_zicboz_zba_zbb_zbs"


class AssemblyError(Exception):
    """The assembler or the linker refused a program; the text is theirs."""


def missing() -> str | None:
    """Say why nothing can be assembled here, or give `None`."""
    if shutil.which(COMPILER) is None:
        return f"{COMPILER} is not installed (Debian package gcc-riscv64-linux-gnu)"
    return None


RAM = 0x80000000


def assemble(source: Path, elf: Path, defines: Sequence[str] = (), start: int = RAM) -> None:
    """Make the ELF program `elf`, linked to `start`, from the preprocessed assembly in `source`.

    Raises:
        AssemblyError: with the tool's messages.

    """
    command = [
        COMPILER,
        *(f"-march={ISA}", "-mabi=lp64d", "-mcmodel=medany", "-nostdlib", "-static", "-fno-pic", "-no-pie"),
        *(
            "-Wl,--no-relax",
            f"-Wl,--defsym=RAM_START={start:#x}",
            "-Wl,--build-id=none",
            f"-Wl,-T,{INCLUDE / 'link.ld'}",
            "-Wl,--no-warn-rwx-segments",
        ),
        *(f"-D{name}" for name in defines),
        *("-I", str(INCLUDE), "-x", "assembler-with-cpp", str(source), "-o", str(elf)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssemblyError(done.stderr)
