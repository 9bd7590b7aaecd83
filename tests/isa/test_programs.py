"""Every program of `programs/` on our machine, and on QEMU as the check that the program itself is right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.isa import toolchain
from tests.isa.runners import RUNNERS, Runner

PROGRAMS = sorted((Path(__file__).parent / "programs").glob("*.S"))
SECONDS = 60

Build = Callable[[Path, Runner], Path]


KERNEL = 0x80200000
"""Where firmware starts a program."""


def harts(source: Path) -> int:
    """Read how many harts a program wants from its `// harts: N` line; one when it does not say."""
    for line in source.read_text().splitlines():
        if line.startswith("// harts:"):
            return int(line.removeprefix("// harts:"))
    return 1


def on_firmware(source: Path) -> bool:
    """Tell whether a program runs in S-mode on firmware."""
    return "// firmware: sbi" in source.read_text().splitlines()


def wants_windows(source: Path) -> bool:
    """Tell whether a program proves nothing about windows unless they are used."""
    return "// windows: used" in source.read_text().splitlines()


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    folder = tmp_path_factory.mktemp("isa")

    def assemble(source: Path, runner: Runner) -> Path:
        elf = folder / f"{source.stem}-{runner.name}.elf"
        toolchain.assemble(source, elf, runner.defines, KERNEL if on_firmware(source) else toolchain.RAM)
        return elf

    return assemble


def test_there_are_programs() -> None:
    assert PROGRAMS


@pytest.mark.parametrize("runner", RUNNERS, ids=lambda runner: runner.name)
@pytest.mark.parametrize("source", PROGRAMS, ids=lambda source: source.stem)
def test_program(source: Path, runner: Runner, build: Build) -> None:
    for reason in (toolchain.missing(), runner.missing()):
        if reason is not None:
            pytest.skip(reason)
    sbi, windows = on_firmware(source), wants_windows(source)
    outcome = runner.run(build(source, runner), harts(source), SECONDS, sbi=sbi, windows=windows)
    assert outcome.code == 0, (
        f"{source.name} on {runner.name}: {outcome.code}: {outcome.output.decode(errors='replace')}"
    )
