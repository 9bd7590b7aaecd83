"""What a figure says of our machine beside its peers."""

import pytest

from bench.figure import Against, Bound, Figure
from bench.goals import GOALS, goals
from bench.suite import ROWS
from bench.switch.measure import ROWS as SWITCH_ROWS


def seconds(
    ours: float | None = None, qemu: float | None = None, native: float | None = None
) -> dict[str, list[float]]:
    given = {"ours": ours, "qemu": qemu, "native": native}
    return {peer: [value] for peer, value in given.items() if value is not None}


def test_the_value_is_the_median_of_the_rounds() -> None:
    figure = Figure("row", "s", {"ours": [3.0, 1.0, 9.0]})
    assert figure.value("ours") == 3.0
    assert figure.value("qemu") is None


def test_less_time_is_better() -> None:
    assert Figure("row", "s", seconds(2, 8)).ratio("qemu") == 4
    assert Figure("row", "s", seconds(8, 2)).ratio("qemu") == 0.25


def test_more_of_a_rate_is_better() -> None:
    assert Figure("row", "MB/s", seconds(8, 2), higher_is_better=True).ratio("qemu") == 4


def test_no_ratio_without_both() -> None:
    assert Figure("row", "s", seconds(ours=2)).ratio("qemu") is None
    assert Figure("row", "s", seconds(qemu=2)).ratio("qemu") is None


@pytest.mark.parametrize(
    ("ours", "qemu", "native", "reached"),
    [
        (1.0, 4.0, 0.1, True),  # four times QEMU
        (1.0, 3.9, 0.1, False),
        (1.0, 3.9, 0.8, True),  # near native
        (1.0, 4.0, None, True),  # one alternative that is reached is enough
        (1.0, 3.9, None, None),  # the other could not be compared
        (None, 4.0, 0.1, None),
    ],
)
def test_one_alternative_is_enough(
    ours: float | None, qemu: float | None, native: float | None, reached: bool | None
) -> None:
    figure = Figure("row", "s", seconds(ours, qemu, native), ((Against("qemu", 4), Against("native", 1 / 1.3)),))
    assert figure.reached is reached


def test_all_groups_are_needed() -> None:
    both = ((Against("qemu", 2),), (Against("native", 1),))
    assert Figure("row", "s", seconds(1, 2, 1), both).reached is True
    assert Figure("row", "s", seconds(1, 2, 0.5), both).reached is False
    assert Figure("row", "s", seconds(1, 2), both).reached is None
    assert Figure("row", "s", seconds(1, 1), both).reached is False


def test_bounds_face_the_right_way() -> None:
    at_most, at_least = (
        Figure("row", "s", seconds(3), ((Bound(2),),)),
        Figure("row", "x", seconds(3), ((Bound(2),),), True),
    )
    assert (at_most.reached, at_most.goal) == (False, "<= 2 s")
    assert (at_least.reached, at_least.goal) == (True, ">= 2 x")


def test_no_goal_is_neither_reached_nor_missed() -> None:
    assert Figure("row", "s", seconds(1, 1)).reached is None


def test_goals_in_words() -> None:
    assert Figure("pipe", "s", {}, goals("pipe")).goal == "4x QEMU or 0.77x native; 1x UML"


def test_every_row_has_a_goal() -> None:
    assert all(goals(row) for row in ROWS)
    assert goals("no such row") == goals("another")


def test_no_goal_is_for_a_row_that_is_gone() -> None:
    others = {
        "integer loop",
        "boot",
        "boot to ssh",
        "idle guest",
        "memory beside the guest's",
        "vkd ps",
        "parallel speedup",
    }
    assert GOALS.keys() - others <= {*ROWS, *SWITCH_ROWS}
