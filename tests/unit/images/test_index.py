from __future__ import annotations

import lzma
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.images.fakes import Signer, make_archive
from vkd.errors import HostLacksError, ImageError
from vkd.images.cache import Cache
from vkd.images.index import find_packages, keyring, open_archive, parse_package, select, verify
from vkd.images.progress import Watcher

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def mirror(tmp_path: Path, signer: Signer) -> Path:
    root = tmp_path / "mirror"
    make_archive(root, signer)
    return root


def release(mirror: Path) -> Path:
    return mirror / "dists/trixie/InRelease"


def test_a_signed_archive(mirror: Path, cache: Cache, signer: Signer) -> None:
    archive = open_archive(["file:/nowhere", f"file:{mirror}"], cache, signer.keyring, Watcher(), now=NOW)
    assert (archive.version, archive.date) == ("13.9", datetime(2026, 9, 12, 7, 55, 41, tzinfo=UTC))
    assert cache.release.read_bytes() == release(mirror).read_bytes()
    found = find_packages(archive, cache, Watcher(), {"dropbear-bin"}, {"libs"})
    assert found.keys() == {"dropbear-bin", "libc6", "libz1", "libdeep1", "libgcc-s1"}
    dropbear = found["dropbear-bin"]
    assert dropbear.depends == ("libc6", "libz1")
    assert archive.remote(dropbear).url == f"file:{mirror}/pool/dropbear-bin_1.0_riscv64.deb"


def test_changed_text_is_refused(mirror: Path, cache: Cache, signer: Signer) -> None:
    release(mirror).write_bytes(release(mirror).read_bytes().replace(b"13.9", b"13.8"))
    with pytest.raises(ImageError, match="does not fit its content"):
        open_archive([f"file:{mirror}"], cache, signer.keyring, Watcher(), now=NOW)
    assert not cache.release.exists()


def test_another_key_is_refused(mirror: Path, cache: Cache, tmp_path: Path) -> None:
    keys = keyring({})
    with pytest.raises(ImageError, match=r"no key of .* made its signature") as caught:
        open_archive([f"file:{mirror}"], cache, keys, Watcher(), now=NOW)
    assert "debian-archive-keyring" in str(caught.value.hint)


@pytest.mark.parametrize("text", [b"", b"Origin: Debian\nCodename: trixie\n", b"\0\xff" * 100])
def test_unsigned_text_is_refused(text: bytes, signer: Signer) -> None:
    with pytest.raises(ImageError, match="it has no signature"):
        verify(text, signer.keyring, "http://h.example/InRelease")


def test_only_what_is_signed_counts(mirror: Path, signer: Signer) -> None:
    signed = b"Origin: Evil\n" + release(mirror).read_bytes() + b"Origin: Evil\n"
    try:
        text = verify(signed, signer.keyring, "x")
    except ImageError:
        return
    assert b"Evil" not in text


def test_past_valid_until_is_refused(mirror: Path, cache: Cache, signer: Signer) -> None:
    make_archive(mirror, signer, extra="Valid-Until: Sat, 10 Oct 2026 00:00:00 UTC\n")
    with pytest.raises(ImageError, match=r"valid until 2026-10-10 00:00 only: the mirror is stale"):
        open_archive([f"file:{mirror}"], cache, signer.keyring, Watcher(), now=NOW)


def test_an_older_release_than_before_is_refused(mirror: Path, cache: Cache, signer: Signer) -> None:
    open_archive([f"file:{mirror}"], cache, signer.keyring, Watcher(), now=NOW)
    make_archive(mirror, signer, date="Sat, 01 Aug 2026 00:00:00 UTC")
    with pytest.raises(ImageError, match="the mirror is stale") as caught:
        open_archive([f"file:{mirror}"], cache, signer.keyring, Watcher(), now=NOW)
    assert str(cache.release) in str(caught.value.hint)


def test_a_damaged_copy_of_the_release_counts_as_none(mirror: Path, cache: Cache, signer: Signer) -> None:
    open_archive([f"file:{mirror}"], cache, signer.keyring, Watcher(), now=NOW)
    cache.release.write_bytes(cache.release.read_bytes().replace(b"2026", b"2029"))
    make_archive(mirror, signer, date="Sat, 01 Aug 2026 00:00:00 UTC")
    archive = open_archive([f"file:{mirror}"], cache, signer.keyring, Watcher(), now=NOW)
    assert archive.date.month == 8


def test_another_distribution_is_refused(mirror: Path, cache: Cache, signer: Signer) -> None:
    release(mirror).write_bytes(signer.sign("Origin: Other\nCodename: noble\n"))
    with pytest.raises(ImageError, match="is of Other noble, not of Debian trixie"):
        open_archive([f"file:{mirror}"], cache, signer.keyring, Watcher(), now=NOW)
    release(mirror).write_bytes(signer.sign("Origin: Debian\nCodename: trixie\nDate: Sat, 12 Sep 2026 07:55:41 UTC\n"))
    with pytest.raises(ImageError, match="no date or no entry for main/binary-riscv64"):
        open_archive([f"file:{mirror}"], cache, signer.keyring, Watcher(), now=NOW)


def test_another_architecture_has_another_index(mirror: Path, cache: Cache, signer: Signer) -> None:
    with pytest.raises(ImageError, match="no date or no entry for main/binary-amd64"):
        open_archive([f"file:{mirror}"], cache, signer.keyring, Watcher(), now=NOW, architecture="amd64")


def test_a_wrong_index_is_refused(mirror: Path, cache: Cache, signer: Signer) -> None:
    archive = open_archive([f"file:{mirror}"], cache, signer.keyring, Watcher(), now=NOW)
    path = mirror / "dists/trixie/main/binary-riscv64/Packages.xz"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ImageError, match=r"Packages\.xz is corrupt"):
        find_packages(archive, cache, Watcher(), {"libc6"}, set())


def test_no_mirror_answers(cache: Cache, signer: Signer, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"could not get file:.*InRelease"):
        open_archive([f"file:{tmp_path}/none"], cache, signer.keyring, Watcher())


def test_the_keyring(tmp_path: Path) -> None:
    named = tmp_path / "keys.gpg"
    with pytest.raises(HostLacksError, match="is missing") as caught:
        keyring({"VKD_KEYRING": str(named)})
    assert "debian-archive-keyring" in str(caught.value.hint)
    shutil.copy(__file__, named)
    assert keyring({"VKD_KEYRING": str(named)}) == named


@given(st.lists(st.integers(1, 60), max_size=40))
def test_select_splits_at_any_boundary(sizes: list[int]) -> None:
    stanzas = [b"Package: p%d\nDescription: %s" % (index, b"x" * size * 3000) for index, size in enumerate(sizes)]
    with tempfile.NamedTemporaryFile() as file:
        file.write(lzma.compress(b"\n\n".join(stanzas), preset=0))
        file.flush()
        assert list(select(Path(file.name), lambda _: True, lambda: None)) == stanzas


def test_a_truncated_index(tmp_path: Path) -> None:
    path = tmp_path / "Packages.xz"
    path.write_bytes(lzma.compress(b"Package: a\n" * 1000)[:-20])
    with pytest.raises(ImageError, match="cannot be unpacked"):
        list(select(path, lambda _: True, lambda: None))


def test_a_stanza_without_a_digest() -> None:
    with pytest.raises(ImageError, match="without 'SHA256'"):
        parse_package(b"Package: a\nVersion: 1\nFilename: pool/a\nSize: 1")
