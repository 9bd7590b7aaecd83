"""What a machine is to run: the same for all of them, but for the instruction set."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


class PeerError(Exception):
    """Why a machine has no figure. It is noted beside the figures of the others."""


@dataclass(frozen=True)
class Programs:
    """The programs of one instruction set: as an initramfs, and as the command that starts the agent on the host."""

    initrd: Path
    native: tuple[str, ...]


@dataclass(frozen=True)
class Workload:
    """A kernel with its parameters, the programs of each instruction set (or why there are none), and RAM in bytes.

    ``translate`` is whether our machine may.
    """

    kernel: Path
    cmdline: str
    programs: Mapping[str, Programs | PeerError]
    memory: int
    harts: int = 1
    translate: bool = True

    def of(self, architecture: str) -> Programs:
        """Return the programs of an instruction set; raises PeerError where there are none."""
        found = self.programs[architecture]
        if isinstance(found, PeerError):
            raise found
        return found


def program(name: str, package: str) -> str:
    """Return the path of the host's program `name`; raises PeerError that says which package brings it."""
    found = shutil.which(name)
    if found is None:
        raise PeerError(f"{name} is not installed (Debian's package {package})")
    return found
