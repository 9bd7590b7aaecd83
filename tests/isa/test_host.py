"""Hosts that lack what the translator needs: guests are interpreted, and `vkd doctor` says so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.isa import toolchain
from tests.isa.runners import ROOT, WINDOWS

PROGRAMS = Path(__file__).parent / "programs"
RUN = """
import sys
from vkd._native import Machine
machine = Machine(memory=128 << 20, kernel=sys.argv[1], firmware="none")
machine.start()
assert machine.wait(60)[0] == "poweroff"
machine.stop()
hart, = machine.stats()["harts"]
print(hart["translated"], hart["window_pieces"])
"""

DOCTOR = """
import sys
from vkd.cli import main
sys.argv[1:] = ["doctor", "--json"]
sys.exit(main())
"""


def run(lacks: str, *arguments: str) -> str:
    environment = {**os.environ, **WINDOWS.environment, "VKD_HOST_LACKS": lacks}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode in {0, 5}, done.stderr
    return done.stdout


def doctor(lacks: str) -> dict[str, dict[str, str]]:
    return {one["name"]: one for one in json.loads(run(lacks, "-c", DOCTOR))}


@pytest.fixture(scope="module")
def elf(tmp_path_factory: pytest.TempPathFactory) -> str:
    if (reason := toolchain.missing() or WINDOWS.missing()) is not None:
        pytest.skip(reason)
    made = tmp_path_factory.mktemp("host") / "windows.elf"
    toolchain.assemble(PROGRAMS / "windows.S", made)
    return str(made)


@pytest.mark.parametrize("lacks", ["avx2", "bmi1", "bmi2", "lzcnt", "popcnt", "fma", "fma,bmi2"])
def test_without_an_extension_guests_are_interpreted(lacks: str, elf: str) -> None:
    if doctor("")["translator"]["status"] != "ok":
        pytest.skip("this host lacks something")
    assert run(lacks, "-c", RUN, elf).split() == ["0", "0"]
    found = doctor(lacks)
    missing = lacks.rpartition(",")[2].upper()
    assert found["translator"]["status"] == found["windows"]["status"] == "warning"
    assert found["translator"]["detail"] == f"guests are interpreted: no {missing}"
    assert found["windows"]["detail"] == f"memory of guests is looked up: no {missing}"


def test_without_fsgsbase_there_are_no_windows(elf: str) -> None:
    if doctor("")["windows"]["status"] != "ok":
        pytest.skip("this host lacks something")
    translated, pieces = map(int, run("fsgsbase", "-c", RUN, elf).split())
    assert translated > 0
    assert pieces == 0
    translated, pieces = map(int, run("", "-c", RUN, elf).split())
    assert translated > 0
    assert pieces > 0
    found = doctor("fsgsbase")
    assert found["translator"]["status"] == "ok"
    assert (found["windows"]["status"], "sysctl" in found["windows"]["hint"]) == ("warning", False)
