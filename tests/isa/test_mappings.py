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

SOURCE = Path(__file__).parent / "programs" / "windows.S"
DEFINES = ("KEYS", "ROUNDS=30", "TURNS=5000")
"""So many accesses to a page that it is worth a window."""
PAGES = 128
"""Each is a piece that would be mapped."""


@pytest.mark.parametrize("free", [2, 16, 100])
def test_a_machine_does_without_mappings_that_it_cannot_have(free: int, tmp_path: Path) -> None:
    for reason in (toolchain.missing(), WINDOWS.missing() or windows_missing()):
        if reason is not None:
            pytest.skip(reason)
    elf = tmp_path / "windows.elf"
    toolchain.assemble(SOURCE, elf, DEFINES)
    command = [sys.executable, "-m", "tests.isa.exhausted", str(elf), str(free)]
    environment = {**os.environ, **WINDOWS.environment}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    lacking, _ = (json.loads(line) for line in done.stdout.splitlines())
    assert 0 < lacking["window_pieces"] < PAGES, "the host has refused some, and has let some in"
