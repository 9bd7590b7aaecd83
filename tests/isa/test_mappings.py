"""The host has no mappings to give while windows are in use: they are done without, whatever they show is right."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.isa import toolchain
from tests.isa.runners import ROOT, WINDOWS, windows_missing

PROGRAMS = Path(__file__).parent / "programs"
DEFINES = ("KEYS", "ROUNDS=30", "TURNS=5000")
"""So many accesses to a page that it is worth a window."""
PAGES = 128
"""Each is a piece that would be mapped."""


def exhaust(program: str, defines: tuple[str, ...], free: int, folder: Path, lack: str | None) -> list[dict[str, int]]:
    """Run `program` on a host with `free` mappings left; return what its hart has counted by then and by the end."""
    for reason in (toolchain.missing(), lack):
        if reason is not None:
            pytest.skip(reason)
    elf = folder / f"{program}.elf"
    toolchain.assemble(PROGRAMS / f"{program}.S", elf, defines)
    command = [sys.executable, "-m", "tests.isa.exhausted", str(elf), str(free)]
    environment = {**os.environ, **WINDOWS.environment}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("free", [2, 16, 100])
def test_a_machine_does_without_mappings_that_it_cannot_have(free: int, tmp_path: Path) -> None:
    lacking, _ = exhaust("windows", DEFINES, free, tmp_path, WINDOWS.missing() or windows_missing())
    assert 0 < lacking["window_pieces"] < PAGES, "the host has refused some, and has let some in"


@pytest.mark.parametrize("free", [0, 4])
def test_address_spaces_share_what_memory_there_is_for_their_translations(free: int, tmp_path: Path) -> None:
    exhaust("spaces", ("KEYS",), free, tmp_path, WINDOWS.missing())
