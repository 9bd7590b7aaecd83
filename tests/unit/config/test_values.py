"""Kinds of values: what they mean, and that any text is a value or a ValueError."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vkd.config import values
from vkd.config.model import Forward
from vkd.config.values import Kind

KINDS = [kind for kind in vars(values).values() if isinstance(kind, Kind)]


@pytest.mark.parametrize(
    ("text", "size"),
    [("1", 1), ("512K", 512 << 10), ("128M", 128 << 20), ("128 MiB", 128 << 20), ("2g", 2 << 30), (4096, 4096)],
)
def test_sizes_are_powers_of_1024(text: str | int, size: int) -> None:
    assert values.size(text) == size


@pytest.mark.parametrize("text", ["", "M", "1.5G", "-1M", "0", "1X", "1 M B", "9" * 30, 0, -5])
def test_what_is_no_size(text: str | int) -> None:
    with pytest.raises(ValueError, match=r"^"):
        values.size(text)


@pytest.mark.parametrize("text", ["1023K", "1048577", "2T", 5])
def test_memory_is_whole_pages_within_bounds(text: str | int) -> None:
    with pytest.raises(ValueError, match=r"^"):
        values.memory(text)


@pytest.mark.parametrize(
    ("text", "seconds"), [(0, 0), (1.5, 1.5), ("500ms", 0.5), ("90s", 90), ("2m", 120), ("1h", 3600), ("7", 7)]
)
def test_durations_are_seconds(text: str | float, seconds: float) -> None:
    assert values.duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "s", "-1s", "1d", float("nan"), float("inf"), -1, 1e9, "9" * 25])
def test_what_is_no_duration(text: str | float) -> None:
    with pytest.raises(ValueError, match=r"^"):
        values.duration(text)


def test_forwards() -> None:
    assert values.forward("8080:80") == Forward(host_address="127.0.0.1", host_port=8080, guest_port=80, protocol="tcp")
    assert values.forward("192.0.2.1:5353:53/udp") == Forward(
        host_address="192.0.2.1", host_port=5353, guest_port=53, protocol="udp"
    )


@pytest.mark.parametrize("text", ["80", "0:80", "80:65536", "80:80/sctp", "1.2.3:80:80", "::1:80:80", "a:b"])
def test_what_is_no_forward(text: str) -> None:
    with pytest.raises(ValueError, match=r"^"):
        values.forward(text)


@pytest.mark.parametrize("text", ["01:00:00:00:00:01", "00:00:00:00:00:00", "02:00:00:00:00", "ff:ff:ff:ff:ff:ff"])
def test_a_mac_is_unicast(text: str) -> None:
    with pytest.raises(ValueError, match=r"^"):
        values.mac(text)
    assert values.mac("02:AB:00:00:00:01") == "02:ab:00:00:00:01"


@pytest.mark.parametrize("text", ["10.0.0.1/24", "10.0.0.0/30", "224.0.0.0/24", "127.0.0.0/8", "10.0.0.0", "fd00::/64"])
def test_what_is_no_subnet(text: str) -> None:
    with pytest.raises(ValueError, match=r"^"):
        values.subnet(text)


@pytest.mark.parametrize("text", ["", "-a", "a-", "A", "a.b", "a_b", "a" * 64])
def test_names_are_host_names(text: str) -> None:
    with pytest.raises(ValueError, match=r"^"):
        values.label(text)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.allowed[:20])
@given(value=st.text() | st.from_regex(r"[0-9.:/]{1,20}"))
def test_any_text_is_a_value_or_a_value_error(kind: Kind, value: Any) -> None:
    try:
        kind.parse(value)
    except ValueError:
        assert kind.allowed
