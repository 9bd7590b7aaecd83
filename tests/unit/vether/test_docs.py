"""The page about vether says what the code does."""

import re
from pathlib import Path

from vether.config import ForwardSpec, PortSpec, Spec
from vkd._native import drop_reasons

PAGE = (Path(__file__).parents[3] / "docs" / "vether.md").read_text()


def rows(after: str) -> list[list[str]]:
    """Return the cells of the first table behind the marker `after`."""
    table = PAGE.split(f"<!-- {after}", 1)[1].split("\n\n")[1]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()[2:]]


def test_every_drop_reason_is_there_in_its_words() -> None:
    assert [(re.sub("`", "", name), text) for name, text in rows("drop reasons")] == drop_reasons()


def test_every_key_is_there() -> None:
    keys = list(Spec.__struct_fields__)
    keys += [f"ports[].{key}" for key in PortSpec.__struct_fields__]
    keys += [f"forwards[].{key}" for key in ForwardSpec.__struct_fields__]
    assert [row[0].strip("`") for row in rows("keys")] == keys
