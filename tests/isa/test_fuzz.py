"""The fuzzer's pure parts, that it can fail, and a bounded campaign."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.isa import toolchain
from tests.isa.fuzz import campaign, encodings, generate, minimize, render, state
from tests.isa.fuzz.case import RESERVED, Case, Step
from tests.isa.runners import INTERPRETER, QEMU_VIRT, TRANSLATOR, Outcome, Runner

BUDGET = float(os.environ.get("VKD_FUZZ_SECONDS", "30"))
"""How long a campaign lasts."""


def _skip_without(*runners: Runner) -> None:
    for reason in (toolchain.missing(), *(runner.missing() for runner in runners)):
        if reason is not None:
            pytest.skip(reason)


@given(st.integers(0, 2**32))
@settings(max_examples=30, deadline=None)
def test_a_seed_gives_one_case(seed: int) -> None:
    assert generate.case(Random(seed)) == generate.case(Random(seed))


@given(st.integers(0, 2**32))
@settings(max_examples=50, deadline=None)
def test_no_step_writes_a_reserved_register(seed: int) -> None:
    for step in generate.case(Random(seed)).steps:
        for line in step.lines:
            if line.startswith((".4byte", ".2byte", "fs", "b", "sb ", "sh ", "sw ", "sd ")):
                continue
            destination = re.match(r"\S+(?: r 0x33, \d, 7,)? (x\d+)", line)
            assert destination is None or int(destination[1][1:]) not in RESERVED or "cbo" in line, line


@given(st.integers(0, 2**32))
def test_random_encodings_stay_within_scratch_memory(seed: int) -> None:
    word = encodings.word(Random(seed))
    opcode = word & 0x7F
    if opcode in (0x03, 0x07, 0x23, 0x27, 0x2F):
        assert word >> 15 & 31 in RESERVED
    if opcode not in (0x23, 0x27):
        assert word >> 7 & 31 not in RESERVED
    assert opcode not in (0x63, 0x67, 0x6F, 0x73)
    half = encodings.compressed(Random(seed))
    assert half & 3 != 3
    assert half >> 13 not in (5, 6, 7) or half & 3 != 1


def test_jumps_never_leave_the_case() -> None:
    case = replace(generate.case(Random(1)), steps=(Step(("j {target}",), ahead=9), Step(("nop",))))
    assert "j p_2" in render.body(case, "p")


def test_minimizing_keeps_what_the_failure_needs() -> None:
    case = generate.case(Random(5), length=40)
    culprit, helper = case.steps[31], case.steps[7]

    def compare(cases: Sequence[Case]) -> list[list[str]]:
        return [["differs"] if culprit in c.steps and helper in c.steps and c.x[9] else [] for c in cases]

    case = replace(case, x=(*case.x[:9], 5, *case.x[10:]))
    small = minimize.minimize(case, compare)
    assert small.steps == (helper, culprit)
    assert {n: value for n, value in enumerate(small.x) if value} == {9: 5}
    assert not any(small.f)


def test_what_does_not_fail_alone_is_left_as_it_is() -> None:
    case = generate.case(Random(6))
    assert minimize.minimize(case, lambda cases: [[] for _ in cases]) == case


def test_freedoms_of_the_specification_are_no_differences() -> None:
    record = bytearray(state.SIZE)
    illegal, breakpoint_ = bytearray(record), bytearray(record)
    first_cause = (32 + 32 + len(state.CSRS) + 1) * 8
    illegal[first_cause], breakpoint_[first_cause] = 2, 3
    for start, free in ((illegal, True), (breakpoint_, False)):
        other = bytearray(start)
        other[first_cause + 16] = 0x73
        assert (state.parse(bytes(start)).differences(state.parse(bytes(other))) == []) is free


class _Faulty:
    """QEMU, but a register comes out wrong in one of the cases."""

    name = "faulty"
    defines: tuple[str, ...] = ()

    def missing(self) -> str | None:
        return None

    def run(self, elf: Path, harts: int, seconds: float, *, sbi: bool = False, windows: bool = False) -> Outcome:
        outcome = QEMU_VIRT.run(elf, harts, seconds, sbi=sbi, windows=windows)
        output = bytearray(outcome.output)
        output[10 * 8] ^= 1
        return Outcome(outcome.code, bytes(output))


def test_a_wrong_register_is_found_and_reported() -> None:
    _skip_without(QEMU_VIRT)
    result = campaign.run(1, 0, (_Faulty(),), QEMU_VIRT)
    mismatch = result.mismatch
    assert mismatch is not None
    assert (result.agreed, result.problem()) == (0, mismatch.report())
    assert [line.split(":")[:2] for line in mismatch.differences] == [["faulty", " x10"]]
    assert len(mismatch.case.steps) == 1
    assert mismatch.report().startswith("seed 1: ")


@dataclass
class _Canned:
    """Gives states of zeroes: so many, and then this code."""

    states: int
    code: int | None = 0
    name: str = "canned"
    defines: tuple[str, ...] = ()

    def missing(self) -> str | None:
        return None

    def run(self, elf: Path, harts: int, seconds: float, *, sbi: bool = False, windows: bool = False) -> Outcome:
        return Outcome(self.code, bytes(self.states * state.SIZE + 5))


def test_what_the_reference_has_no_time_for_is_counted_and_no_mismatch() -> None:
    _skip_without()
    full = _Canned(campaign.BATCH)
    result = campaign.run(1, 0, (full,), _Canned(campaign.BATCH - 3, code=None))
    assert (result.agreed, result.starved, result.problem()) == (campaign.BATCH - 3, 3, None)
    assert "3 that the reference had no time for" in result.summary()
    result = campaign.run(1, 0, (full,), _Canned(0, code=None))
    assert (result.agreed, result.starved) == (0, campaign.BATCH)
    assert "less busy" in (result.problem() or "")


@pytest.mark.parametrize(
    ("subject", "reference", "says"),
    [
        (_Canned(9), _Canned(campaign.BATCH), "our machine did not reach"),
        (_Canned(9), _Canned(10, code=None), "our machine did not reach"),
        (_Canned(campaign.BATCH), _Canned(9), "the reference has ended"),
    ],
)
def test_who_ends_early_differs(subject: _Canned, reference: _Canned, says: str) -> None:
    _skip_without()
    result = campaign.run(1, 0, (subject,), reference)
    assert result.agreed == 9
    assert says in (result.problem() or "")


def test_every_case_reaches_its_end_on_qemu(tmp_path: Path) -> None:
    _skip_without(QEMU_VIRT)
    rng = Random(11)
    source, elf = tmp_path / "batch.S", tmp_path / "batch.elf"
    source.write_text(render.program([generate.case(rng) for _ in range(32)]))
    toolchain.assemble(source, elf)
    outcome = QEMU_VIRT.run(elf, 1, 60)
    assert outcome.code == 0
    assert len(outcome.output) == 32 * state.SIZE


@pytest.mark.fuzz
def test_translator_and_interpreter_agree_with_qemu() -> None:
    _skip_without(QEMU_VIRT, TRANSLATOR)
    seed = secrets.randbits(32)
    result = campaign.run(seed, BUDGET, (TRANSLATOR, INTERPRETER), QEMU_VIRT)
    print(seed, result.summary())
    assert result.problem() is None, result.problem()
    assert result.agreed
