"""From a guest in the cluster file to the machine that its vkernel builds."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.config.helpers import cluster
from vkd.supervisor.keys import new_keys
from vkd.supervisor.prepare import write_spec
from vkd.vkernel import machine
from vkd.vkernel.spec import read_spec


@pytest.mark.parametrize("switch", ["translate", "windows"])
@pytest.mark.parametrize(("line", "on"), [("", True), (" = true", True), (" = false", False)])
def test_switches_reach_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, switch: str, line: str, on: bool
) -> None:
    line = f"{switch}{line}" if line else ""
    demo = cluster(f"[guests.a]\nkernel = '/k'\nimage = 'none'\nnetworks = []\n{line}\n")
    keys = new_keys("demo")
    write_spec(demo, demo.guests["a"], image=None, keys=keys, folder=tmp_path, ports=[])
    made: list[dict[str, Any]] = []
    monkeypatch.setattr(
        machine, "import_module", lambda _name: SimpleNamespace(Machine=lambda **given: made.append(given))
    )
    machine.build(read_spec(tmp_path))
    others = {"translate", "windows"} - {switch}
    assert (made[0][switch], made[0]["kernel"], made[0]["harts"]) == (on, "/k", 1)
    assert all(made[0][other] for other in others)
