"""The locator: lines of keys in every form that TOML has, and calm on any text."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vkd.config.locate import Locator

SOURCE = '''\
name = "demo"  # a comment with [brackets] and = signs

[guests.a]
cpus = 2
env = { LANG = "C", "odd key" = "x" }
networks = [
    "lan",  # the first
    "dmz",
]
cmdline = """
[not.a.table]
x = 1
"""
append = 'a [b] = # "c'
restart.policy = "always"

[[guests.a.nics]]
network = "lan"
[[guests.a.nics]]
network = "dmz"
address = "10.0.0.1"

[ guests . "b" ]
disks = ["x", { path = "y", readonly = true }, [1, [2,
3]]]
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("name",), 1),
        (("guests", "a"), 3),
        (("guests", "a", "cpus"), 4),
        (("guests", "a", "env", "LANG"), 5),
        (("guests", "a", "env", "odd key"), 5),
        (("guests", "a", "networks", 0), 7),
        (("guests", "a", "networks", 1), 8),
        (("guests", "a", "cmdline"), 10),
        (("guests", "a", "append"), 14),
        (("guests", "a", "restart", "policy"), 15),
        (("guests", "a", "nics", 0), 17),
        (("guests", "a", "nics", 0, "network"), 18),
        (("guests", "a", "nics", 1, "address"), 21),
        (("guests", "b"), 23),
        (("guests", "b", "disks", 1, "readonly"), 24),
        (("guests", "b", "disks", 2, 1, 1), 25),
        (("guests", "a", "cpus", "deeper"), 4),
        (("nothing",), None),
    ],
)
def test_every_form_has_its_line(path: tuple[str | int, ...], line: int | None) -> None:
    tomllib.loads(SOURCE)
    assert Locator(SOURCE).line(path) == line


keys = st.from_regex(r"\A[a-z]{1,6}\Z") | st.sampled_from(["odd key", "a.b", 'q"uote', "]", "#"])
scalars = st.integers() | st.booleans() | st.sampled_from(["x", "a ] b", "a } , b", "# no comment", 'q"', "\\", "= ["])
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=12,
)


def _inline(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(key)} = {_inline(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + "".join(f"\n {_inline(one)}, # ]" for one in value) + "\n]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else _key(str(value))


def _key(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _paths(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inner: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    return [path, *(found for key, one in inner for found in _paths(one, (*path, key)))]


@given(st.dictionaries(keys, trees, min_size=1, max_size=4), st.booleans())
def test_every_path_of_a_document_has_a_line_of_its_own(document: dict[str, object], tables: bool) -> None:
    lines: list[str] = []
    expected: dict[tuple[str | int, ...], int] = {}
    for key, value in document.items():
        lines.append("# comment")
        expected[key,] = sum(line.count("\n") + 1 for line in lines) + 1
        if tables and isinstance(value, dict):
            lines.append(f"[{_key(key)}]")
            lines += [f"{_key(inner)} = {_inline(one)}" for inner, one in value.items()]
            lines.append("[unrelated-" + str(len(lines)) + "]")
        elif not tables:
            lines.append(f"{_key(key)} = {_inline(value)}")
    source = "\n".join(lines)
    parsed = tomllib.loads(source)
    locator = Locator(source)
    for path in _paths({key: value for key, value in parsed.items() if key in document})[1:]:
        assert path in locator.lines
    for path, line in expected.items():
        if path[0] in parsed:
            assert locator.line(path) == line


@given(st.text(alphabet="ab.=[]{}'\"\\#, \n\t1", max_size=60) | st.text())
def test_any_text_is_scanned_to_its_end(source: str) -> None:
    Locator(source).line(("a", 0, "b"))


def test_deep_nesting_does_no_harm() -> None:
    Locator("a = " + "[" * 100_000).line(("a",))
    Locator("a = " + "{b=" * 100_000).line(("a",))
