"""Compiles the guest programs for both instruction sets and packs them into an initramfs for each.

`python -m bench.build FOLDER` leaves them in a folder.
"""

import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from bench.peers.workload import PeerError, Programs
from vkd.images import cpio

FOLDER = Path(__file__).parent / "programs"
SOURCES = {"agent": [FOLDER / "agent.c"], "suite": sorted((FOLDER / "suite").glob("*.c"))}
COMPILERS = {"riscv64": "riscv64-linux-gnu-gcc", "native": "gcc"}
FLAGS = ("-O2", "-static", "-pthread", "-Wall", "-Wextra", "-Werror")


def build(architecture: str, folder: Path, more: Iterable[cpio.Entry] = ()) -> Programs | PeerError:
    """Make the programs below `folder`, with `more` files in the initramfs; return why not where it cannot be."""
    folder = folder / architecture
    folder.mkdir(parents=True, exist_ok=True)
    try:
        for name, sources in SOURCES.items():
            compile_program(COMPILERS[architecture], sources, folder / name)
    except PeerError as error:
        return error
    initrd = folder / "initrd"
    with initrd.open("wb") as archive:
        archive.writelines(cpio.write(cpio.with_parents([*_files(folder), *more])))
    return Programs(initrd, ("env", f"PATH={folder}:{os.environ['PATH']}", str(folder / "agent")))


def compile_program(compiler: str, sources: Sequence[Path], program: Path) -> None:
    """Compile C `sources` to a static `program`. Raises PeerError."""
    command = [compiler, *FLAGS, *map(str, sources), "-o", str(program), "-lm", "-s"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise PeerError(f"{compiler} is not installed") from None
    if done.returncode != 0:
        raise PeerError(f"{compiler} failed: {done.stderr.strip()[-300:]}")


def _files(folder: Path) -> list[cpio.Entry]:
    return [
        *(cpio.directory(name) for name in (".", "dev", "proc", "sys", "tmp")),
        # The kernel opens it for init before there is a devtmpfs.
        cpio.char_device("dev/console", 5, 1),
        cpio.file("init", (folder / "agent").read_bytes(), 0o755),
        cpio.file("bench/suite", (folder / "suite").read_bytes(), 0o755),
    ]


def main() -> int:
    """Build into the folder named."""
    if len(sys.argv) != 2:
        sys.stderr.write("usage: python -m bench.build FOLDER\n")
        return 2
    failed = 0
    for architecture in COMPILERS:
        made = build(architecture, Path(sys.argv[1]).absolute())
        print(made.initrd if isinstance(made, Programs) else f"{architecture}: {made}")
        failed |= isinstance(made, PeerError)
    return failed


if __name__ == "__main__":
    sys.exit(main())
