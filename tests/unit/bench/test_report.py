"""How figures are shown and kept."""

import json
from pathlib import Path

from bench.figure import Against, Figure
from bench.report import document, page, save, table

FIGURES = [
    Figure("pipe", "s", {"ours": [0.5], "qemu": [2.0, 1.0]}, ((Against("qemu", 4),),), title="round trips"),
    Figure("fork", "s", {"qemu": [1234.5]}, problems={"ours": "ended", "uml": "is not installed"}),
    Figure("exec", "s", {"qemu": [2]}, problems={"uml": "is not installed"}),
]


def test_cells() -> None:
    head, rule, pipe, fork, *_ = table(FIGURES).splitlines()
    assert len({len(line) for line in (head, rule, pipe, fork)}) == 1
    cells = [cell.strip() for cell in pipe.strip("|").split("|")]
    assert cells == ["pipe", "round trips", "s", "0.5", "1.5", "-", "-", "3", "-", "-", "4x QEMU", "NO"]
    assert [cell.strip() for cell in fork.strip("|").split("|")][3:5] == ["-", "1234"]


def test_each_reason_stands_once() -> None:
    reasons = [line for line in table(FIGURES).splitlines() if line.startswith("*")]
    assert reasons == ["* ours ended (fork)", "* UML is not installed (fork, exec)"]


def test_all_that_was_measured_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "new" / "results.json"
    save(path, document(FIGURES, {"CPU": "fast"}, {"rounds": 2}))
    facts = json.loads(path.read_text())
    assert facts["host"] == {"CPU": "fast"}
    pipe, fork, _ = facts["figures"]
    assert pipe["rounds"] == {"ours": [0.5], "qemu": [2.0, 1.0]}
    assert pipe["median"] == {"ours": 0.5, "qemu": 1.5, "native": None, "uml": None}
    assert (pipe["ratio"]["qemu"], pipe["goal"], pipe["reached"]) == (3.0, "4x QEMU", False)
    assert fork["problems"] == {"ours": "ended", "uml": "is not installed"}


def test_the_page_says_where_it_was_measured() -> None:
    shown = page(document(FIGURES, {"CPU": "fast"}, {"rounds": 2}), FIGURES)
    assert "CPU: fast; rounds: 2." in shown
    assert table(FIGURES) in shown
