"""The picture of the figures."""

from xml.etree import ElementTree

import pytest

from bench.figure import Against, Bound, Figure
from bench.plot import MISSED, REACHED, draw, needed, speed

NEAR = (Against("qemu", 4), Against("native", 0.5))
TIMES = {"ours": [1.0], "qemu": [3.0], "native": [0.5], "uml": [6.0]}
SVG = "{http://www.w3.org/2000/svg}"


def test_speeds_are_beside_qemu() -> None:
    figure = Figure("row", "s", TIMES)
    assert [speed(figure, peer) for peer in ("ours", "qemu", "native", "uml")] == [3.0, 1.0, 6.0, 0.5]
    assert speed(Figure("row", "MB/s", TIMES, higher_is_better=True), "ours") == pytest.approx(1 / 3)
    assert speed(Figure("row", "s", {"ours": [1.0]}), "ours") is None


def test_the_easiest_alternative_of_the_hardest_group_is_the_goal() -> None:
    assert needed(Figure("row", "s", TIMES, (NEAR,))) == 3.0
    assert needed(Figure("row", "s", TIMES, (NEAR, (Against("qemu", 3.5),)))) == 3.5
    assert needed(Figure("row", "s", TIMES, ((Bound(2),),))) == 1.5
    assert needed(Figure("row", "x", TIMES, ((Bound(6),),), higher_is_better=True)) == 2.0
    assert needed(Figure("row", "s", {"qemu": [1.0]}, ((Against("uml", 1),),))) is None
    assert needed(Figure("row", "s", TIMES)) is None


def test_the_picture_has_a_bar_for_each_row_that_qemu_has() -> None:
    figures = [
        Figure("a<b", "s", TIMES, (NEAR,)),
        Figure("late", "s", {**TIMES, "ours": [30.0]}, (NEAR,), title="a title"),
        Figure("alone", "s", {"ours": [1.0]}),
    ]
    picture = ElementTree.fromstring(draw(figures))  # noqa: S314 - it is ours
    words = [text.text for text in picture.iter(f"{SVG}text")]
    assert {"a<b", "late: a title"} <= set(words)
    assert "alone" not in words
    assert {"3", "0.1"} <= set(words)
    inks = [bar.get("fill") for bar in picture.findall(f"{SVG}rect")]
    assert inks == ["white", REACHED, MISSED]
