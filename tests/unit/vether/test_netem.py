"""Impairments as text."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vether.errors import SpecError
from vether.netem import Netem, describe, parse_words, patch_untrusted


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("loss=1%", {"loss": (0.01, 0.0)}),
        ("loss=0.25,50%", {"loss": (0.25, 0.5)}),
        ("gemodel=1%", {"gemodel": (0.01, 0.99, 1.0, 0.0)}),
        ("gemodel=1%,10%", {"gemodel": (0.01, 0.1, 1.0, 0.0)}),
        ("gemodel=1%,10%,70%,0.5%", {"gemodel": (0.01, 0.1, 0.7, 0.005)}),
        ("delay=20ms", {"delay": 0.02}),
        ("delay=20ms+-5ms,25%", {"delay": 0.02, "jitter": 0.005, "delay_correlation": 0.25}),
        ("delay=1.5s±100us", {"delay": 1.5, "jitter": 1e-4}),
        ("jitter=5ms distribution=pareto ordered=yes", {"jitter": 0.005, "distribution": "pareto", "ordered": True}),
        ("delay=1ms reorder=25%,50%", {"delay": 0.001, "reorder": (0.25, 0.5)}),
        ("duplicate=1% corrupt=0.1%", {"duplicate": (0.01, 0.0), "corrupt": (0.001, 0.0)}),
        ("rate=10Mbit burst=16KiB queue=64k", {"rate": 10_000_000, "burst": 16384, "queue": 65536}),
        ("rate=1.5gbit/s seed=7", {"rate": 1_500_000_000, "seed": 7}),
    ],
)
def test_settings_are_read(text: str, fields: dict[str, Any]) -> None:
    assert patch_untrusted(Netem(), parse_words(text.split())) == Netem(**fields)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("loss=101%", "loss: 101% is not between 0% and 100%"),
        ("loss=x", "loss: 'x' is not a share"),
        ("loss=nan", "is not between"),
        ("lose=1%", "no setting 'lose'"),
        ("loss", "'loss' is not a setting"),
        ("delay=20", "'20' is not a time"),
        ("delay=-20ms", "is not a time"),
        ("delay=61s", "at most 60 s"),
        ("corrupt=1%,100%", "a correlation of 1"),
        ("reorder=10%", "reorder needs a delay"),
        ("distribution=cauchy", "none of uniform, normal, pareto"),
        ("rate=10", "is not a rate"),
        ("rate=1bit", "not between 1 kbit/s"),
        ("ordered=maybe", "neither yes nor no"),
        ("rate=" + "9" * 400 + "bit", "rate"),
        ("burst=99999999999999999999", "burst: 1e\\+20 is too much"),
        ("seed=-1", "is not a number"),
        ("gemodel=1%,2%,3%,4%,5%", "at most four"),
    ],
)
def test_mistakes_are_named(text: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        patch_untrusted(Netem(), parse_words(text.split()))


def test_what_is_not_named_keeps_its_value() -> None:
    first = patch_untrusted(Netem(), parse_words(["loss=1%,25%", "delay=20ms+-5ms,10%", "rate=1Mbit"]))
    second = patch_untrusted(first, {"delay": "30ms", "loss": "2%"})
    assert describe(second) == {"loss": "2%,25%", "delay": "30ms,10%", "jitter": "5ms", "rate": "1Mbit"}
    assert describe(patch_untrusted(second, {"rate": "none", "loss": 0, "delay": "0,0", "jitter": 0})) == {
        "loss": "0%,25%"
    }


def test_each_port_and_direction_has_random_numbers_of_its_own() -> None:
    seeds = {Netem(seed=seed).settings(port, way)["seed"] for seed in (0, 1) for port in "ab" for way in ("in", "out")}
    assert len(seeds) == 8
    assert Netem(seed=1).settings("a", "in") == Netem(seed=1).settings("a", "in")


shares = st.integers(0, 1000).map(lambda n: n / 1000)
chances = st.tuples(shares, st.integers(0, 999).map(lambda n: n / 1000))
times = st.integers(0, 60_000_000).map(lambda n: n / 1_000_000)


@given(
    st.builds(
        Netem,
        seed=st.integers(0, 2**63 - 1),
        loss=chances,
        gemodel=st.none() | st.tuples(shares, shares, shares, shares),
        delay=times.filter(bool),
        jitter=times,
        distribution=st.sampled_from(["uniform", "normal", "pareto"]),
        delay_correlation=st.integers(0, 999).map(lambda n: n / 1000),
        ordered=st.booleans(),
        duplicate=chances,
        corrupt=chances,
        reorder=chances,
        rate=st.just(0) | st.integers(1000, 10**12),
        burst=st.integers(0, 2**40),
        queue=st.integers(0, 2**40),
    )
)
def test_what_is_described_is_read_back(netem: Netem) -> None:
    assert _rounded(patch_untrusted(Netem(), describe(netem))) == _rounded(netem)


def _rounded(value: Any) -> Any:
    if isinstance(value, Netem):
        return {key: _rounded(getattr(value, key)) for key in value.__struct_fields__}
    if isinstance(value, tuple):
        return tuple(map(_rounded, value))
    return round(value, 9) if isinstance(value, float) else value


@given(
    st.dictionaries(
        st.sampled_from(["loss", "delay", "rate", "gemodel", "seed", "x"]), st.text() | st.integers() | st.none()
    )
)
def test_any_settings_are_read_or_refused(settings: dict[str, object]) -> None:
    with contextlib.suppress(SpecError):
        patch_untrusted(Netem(), settings)
