"""What a kernel's file says of its symbols and types."""

import gzip
import random
import struct
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.profile.kernels import BASE, btf, kallsyms
from vkd.profile.btf import field_offset_untrusted
from vkd.profile.kallsyms import kallsyms_untrusted
from vkd.profile.symbols import parse_symbols_untrusted, unpack_kernel_untrusted

SYMBOLS = [
    (0, "T", "_start"),
    (0x2000, "t", "tcp_v4_rcv"),
    (0x2040, "T", "rcu_" + "x" * 200),
    *((0x3000 + 8 * number, "tTdr"[number % 4], f"symbol_{number}") for number in range(700)),
    (0x9000, "B", "_end"),
]
EXPECTED = [(BASE + offset, kind, name) for offset, kind, name in SYMBOLS]


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("before", [0, 8, 1000])
def test_the_symbols_are_those_that_were_written(old: bool, before: int) -> None:
    noise = random.Random(before).randbytes(before) + b"0\x001\x002\x003\x00" + b"\0" * 4
    image = noise + bytes(-len(noise) % 8) + kallsyms(SYMBOLS, old=old) + b"\xff" * 64
    assert sorted(kallsyms_untrusted(image)) == sorted(EXPECTED)


def test_a_relocatable_kernel_lies_where_it_is_linked() -> None:
    assert kallsyms_untrusted(kallsyms(SYMBOLS, base=0))[0] == (BASE, "T", "_start")


def test_what_is_no_kernel_is_said() -> None:
    good = kallsyms(SYMBOLS)
    digits = good.index(b"0\x001\x00")
    for bad in (b"", b"\0" * 4096, good[:digits], good[: digits + 100], good[digits - 30 :]):
        with pytest.raises(ValueError, match="no table of symbols"):
            kallsyms_untrusted(bad)


@settings(max_examples=150)
@given(
    st.lists(st.tuples(st.integers(0, 12_000), st.integers(0, 255)), min_size=1, max_size=40), st.integers(0, 12_000)
)
def test_a_damaged_kernel_has_symbols_or_a_value_error(changes: list[tuple[int, int]], cut: int) -> None:
    image = bytearray(kallsyms(SYMBOLS) + btf())
    for at, value in changes:
        image[at % len(image)] = value
    del image[len(image) - cut % len(image) :]
    with suppress(ValueError):
        assert len(kallsyms_untrusted(bytes(image))) > 256
    with suppress(ValueError):
        assert field_offset_untrusted(bytes(image), "task_struct", "comm") >= 0


@pytest.mark.parametrize("packed", [False, True])
def test_a_field_is_where_the_types_say(packed: bool) -> None:
    image = b"\x9f\xeb\x01\x00 not this" + btf(packed=packed)
    assert field_offset_untrusted(image, "task_struct", "comm") == 56
    for structure, field in (("task_struct", "nothing"), ("nothing", "comm"), ("int", "comm")):
        with pytest.raises(ValueError, match="does not say where"):
            field_offset_untrusted(image, structure, field)


def test_a_compressed_kernel_is_unpacked() -> None:
    image = kallsyms(SYMBOLS)
    packed = gzip.compress(image)
    efi = b"MZ\0\0zimg" + struct.pack("<II", 64, len(packed)) + bytes(8) + b"gzip\0" + bytes(35) + packed + b"tail"
    for file in (image, packed, efi):
        assert unpack_kernel_untrusted(file) == image
        assert sorted(parse_symbols_untrusted(file)) == sorted(EXPECTED)
    with pytest.raises(ValueError, match="compressed, and damaged"):
        unpack_kernel_untrusted(packed[:200])
