"""docs/operations.md says what the code does."""

import re
from pathlib import Path

from vkd.supervisor.lifecycle import TRANSITIONS, State

PAGE = (Path(__file__).parents[2] / "docs/operations.md").read_text()


def test_the_table_of_transitions_is_that_of_the_code() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| `(\w+)` \|$", PAGE, re.MULTILINE)
    assert sorted(rows) == sorted(
        (before.value, cause.value, after.value) for (before, cause), after in TRANSITIONS.items()
    )


def test_every_state_is_explained_once() -> None:
    section = PAGE.split("## States of a guest")[1].split("From state to state")[0]
    assert sorted(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == sorted(State)
