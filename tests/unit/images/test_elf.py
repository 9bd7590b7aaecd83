from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.images import fakes
from vkd.images.elf import dynamic_untrusted, modinfo_untrusted


def test_dynamic() -> None:
    found = dynamic_untrusted(fakes.elf(["libc.so.6", "libz.so.1"], "libx.so.2"))
    assert (found.soname, found.needed) == ("libx.so.2", ("libc.so.6", "libz.so.1"))
    assert dynamic_untrusted(fakes.elf()).needed == ()


def test_modinfo() -> None:
    info = modinfo_untrusted(fakes.module("ext4", ["jbd2", "mbcache"], ["fs-ext4"]))
    assert info == [("name", "ext4"), ("depends", "jbd2,mbcache"), ("alias", "fs-ext4")]


@pytest.mark.parametrize("image", [b"", b"#!/bin/sh", b"\x7fELF\x01\x01", b"\x7fELF\x02\x01", fakes.elf(["a"])[:200]])
def test_what_is_not_elf(image: bytes) -> None:
    with pytest.raises(ValueError, match=r"ELF|beyond|end|segment"):
        dynamic_untrusted(image)


@given(st.integers(0, 400), st.binary(min_size=1, max_size=8), st.sampled_from(["elf", "module"]))
def test_damage_only_raises_value_errors(at: int, noise: bytes, kind: str) -> None:
    image = bytearray(fakes.elf(["libc.so.6"], "libx.so.1") if kind == "elf" else fakes.module("m", ["n"], ["a*"]))
    image[at : at + len(noise)] = noise
    for parse in (dynamic_untrusted, modinfo_untrusted):
        with contextlib.suppress(ValueError):
            parse(bytes(image))
