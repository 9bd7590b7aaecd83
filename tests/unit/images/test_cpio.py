from __future__ import annotations

import contextlib
import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vkd.images import cpio

NAMES = st.text(st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), min_size=1, max_size=20).filter(
    lambda name: name != cpio.TRAILER
)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
PERMISSIONS = st.integers(0, 0o7777)
NUMBERS = st.integers(0, 0xFFFF_FFFF)
ENTRIES = st.one_of(
    st.builds(cpio.file, PATHS, st.binary(max_size=700), PERMISSIONS),
    st.builds(cpio.directory, PATHS, PERMISSIONS),
    st.builds(cpio.symlink, PATHS, st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))),
    st.builds(cpio.char_device, PATHS, NUMBERS, NUMBERS, PERMISSIONS),
)


@given(st.lists(ENTRIES, max_size=6), st.lists(ENTRIES, max_size=3))
def test_reads_back_what_was_written_also_end_to_end(first: list[cpio.Entry], second: list[cpio.Entry]) -> None:
    archive = cpio.pack(first)
    assert len(archive) % cpio.BLOCK == 0
    assert archive == cpio.pack(first)
    assert list(cpio.read_untrusted(archive + cpio.pack(second))) == first + second


@given(st.binary(max_size=400))
def test_reader_only_raises_value_errors_on_noise(noise: bytes) -> None:
    with contextlib.suppress(ValueError):
        list(cpio.read_untrusted(noise))


@given(st.lists(ENTRIES, min_size=1, max_size=3), st.integers(0, 2000), st.integers(0, 255))
def test_reader_only_raises_value_errors_on_damage(entries: list[cpio.Entry], at: int, value: int) -> None:
    archive = bytearray(cpio.pack(entries))
    archive[at % len(archive)] = value
    with contextlib.suppress(ValueError):
        list(cpio.read_untrusted(bytes(archive)))


def test_reader_names_the_offset_of_a_truncation() -> None:
    with pytest.raises(ValueError, match="offset 0 reaches beyond"):
        list(cpio.read_untrusted(cpio.pack([cpio.file("a", b"x" * 600)])[:512]))


@pytest.mark.skipif(not Path("/usr/bin/cpio").exists(), reason="no cpio on this host")
def test_cpio_agrees(tmp_path: Path) -> None:
    entries = [
        cpio.directory("etc"),
        cpio.file("etc/motd", b"hello\n", 0o640),
        cpio.symlink("link", "etc/motd"),
        cpio.char_device("console", 5, 1),
    ]
    archive = cpio.pack(entries)
    listed = subprocess.run(["cpio", "-t", "--quiet"], input=archive, capture_output=True, check=True).stdout
    assert listed.decode().split() == [entry.name for entry in entries]
    subprocess.run(["cpio", "-id", "--quiet", "etc/motd", "link"], input=archive, cwd=tmp_path, check=True)
    assert (tmp_path / "etc/motd").read_bytes() == b"hello\n"
    assert stat.S_IMODE((tmp_path / "etc/motd").stat().st_mode) == 0o640
    assert str((tmp_path / "link").readlink()) == "etc/motd"


def test_parents_come_once_and_before() -> None:
    made = list(
        cpio.with_parents([cpio.file("a/b/c", b""), cpio.directory("a", 0o700), cpio.file("a/d", b"")], {"a": 0o711})
    )
    assert [entry.name for entry in made] == ["a", "a/b", "a/b/c", "a/d"]
    assert made[0].mode == stat.S_IFDIR | 0o711


@pytest.mark.parametrize("name", ["", "/etc", "a\0b", cpio.TRAILER])
def test_refuses_names(name: str) -> None:
    with pytest.raises(ValueError, match="not a name"):
        cpio.file(name, b"")
