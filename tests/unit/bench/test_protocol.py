"""What the agent says on a console, and what a row's program says."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.peers.protocol import Answer, Transcript
from bench.peers.workload import PeerError
from bench.rounds import Results, Sample, check_clock
from bench.suite import read

CONSOLE = (
    b"[    0.1] Linux\r\nBENCH ready\r\nBENCH time 0.5 10 100 00ff\r\n[    9.0] noise\r\n"
    b"BENCH time 0.25 10 100 00ff\r\n\r\nBENCH done 0 0.751000\r\n"
    b"BENCH fail no row x\r\n\nBENCH done 2 0.000100\r\nrest"
)


@given(st.lists(st.integers(0, len(CONSOLE)), max_size=8))
def test_answers_whatever_the_pieces(cuts: list[int]) -> None:
    transcript, answers = Transcript(), []
    edges = [0, *sorted(cuts), len(CONSOLE)]
    for begin, end in pairwise(edges):
        answers += transcript.feed(CONSOLE[begin:end])
    boot, row, failed = answers
    assert boot == Answer(("[    0.1] Linux",))
    assert (row.status, row.seconds, len(row.lines)) == (0, 0.751, 4)
    assert (failed.status, failed.lines) == (2, ("BENCH fail no row x", ""))
    assert transcript.tail() == "rest"


@given(st.binary())
def test_noise_is_no_answer(noise: bytes) -> None:
    assert Transcript().feed(noise) == []


def test_the_best_repetition_counts_and_is_scaled_to_the_whole_work() -> None:
    lines = ("BENCH time 0.5 10 100 00ff", "noise", "BENCH time 0.25 10 100 00ff", "BENCH time 0.3 10 100 00ff")
    assert read(Answer(lines)) == Sample(2.5, 10, "00ff")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer((), 139), "exit status 139 after 0 runs"),
        (Answer(("BENCH time 0.5 1 1 00",), 9), "exit status 9 after 1 runs"),
        (Answer(("BENCH fail fork: Out of memory",), 1), "fork: Out of memory"),
        (Answer(()), "exit status 0 after 0 runs"),
    ],
)
def test_a_row_that_failed_has_no_value(answer: Answer, reason: str) -> None:
    with pytest.raises(PeerError, match=reason):
        read(answer)


def test_a_machine_whose_clock_is_wrong_has_no_value() -> None:
    check_clock(Answer((), 0, 10.0), 10.9)
    check_clock(Answer((), 0, 0.1), 0.9)
    with pytest.raises(PeerError, match=r"5\.00 s for what took 10\.00 s"):
        check_clock(Answer((), 0, 5.0), 10.0)


def test_a_machine_that_computes_something_else_has_no_value() -> None:
    results = Results(
        {"ours": [Sample(1.0, 10, "aa")], "qemu": [Sample(2.0, 10, "bb")], "native": [Sample(1, 10, "cc")]}
    )
    results.compare()
    assert results.values() == {"qemu": [2.0], "native": [1]}
    assert results.problems == {"ours": "wrong: computed aa, qemu bb"}


def test_unequal_work_is_not_compared() -> None:
    results = Results({"ours": [Sample(1.0, 1, "aa")], "qemu": [Sample(2.0, 10, "bb")]})
    results.compare()
    assert results.values() == {"ours": [1.0], "qemu": [2.0]}
