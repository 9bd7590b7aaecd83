"""The root of Debian packages, and how the values of its programs are read."""

from pathlib import Path

import pytest

from bench.debian import root
from bench.debian.measure import rate, seconds
from bench.debian.packages import closure
from bench.debian.root import archive, extract
from bench.peers.protocol import Answer
from bench.peers.workload import PeerError
from bench.rounds import Sample
from tests.unit.images.fakes import deb
from vkd.errors import ImageError
from vkd.images import cpio
from vkd.images.cache import Cache
from vkd.images.index import Package

DEPENDS = {
    "gcc": ("gcc-14", "cpp"),
    "gcc-14": ("libc6", "virtual"),
    "cpp": ("gcc-14", "debconf"),
    "libc6": ("gcc-14",),
    "debconf": ("perl-base",),
}


def find(wanted: set[str]) -> dict[str, Package]:
    return {name: Package(name, "1", name, "", DEPENDS[name], "", "", 0) for name in wanted & DEPENDS.keys()}


def test_packages_come_with_all_that_they_need() -> None:
    names = [package.name for package in closure(["gcc"], find)]
    assert names == ["cpp", "gcc", "gcc-14", "libc6"]


def test_a_package_that_is_not_there_is_named() -> None:
    with pytest.raises(ImageError, match="no package icc, msvc"):
        closure(["gcc", "icc", "msvc"], find)


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    one, other = tmp_path / "one.deb", tmp_path / "other.deb"
    one.write_bytes(deb({"usr/bin/tool": b"tool", "usr/bin/link": "tool", "usr/share/doc/tool": b"text"}))
    other.write_bytes(deb({"lib/ld.so": b"loader", "usr/lib/gcc/libc.a": b"static", "usr/lib/gcc/14/lto1": b"large"}))
    monkeypatch.setattr(root, "download", lambda *_: [one, other])
    return archive(["tool"], "riscv64", Cache(tmp_path / "cache"))


def test_the_archive_has_what_programs_read(made: Path) -> None:
    entries = {entry.name: entry for entry in cpio.read_untrusted(made.read_bytes())}
    files = {name: entry.data for name, entry in entries.items() if entry.data}
    assert files == {
        **{name: f"usr/{name}".encode() for name in ("bin", "sbin", "lib", "lib64")},
        "usr/bin/tool": b"tool",
        "usr/bin/link": b"tool",
        "usr/lib/ld.so": b"loader",
    }


def test_an_archive_is_made_once(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(root, "download", lambda *_: pytest.fail("it is there already"))
    assert archive(["tool"], "riscv64", Cache(tmp_path / "cache")) == made
    monkeypatch.setattr(root, "download", lambda *_: [])
    assert archive(["tool"], "amd64", Cache(tmp_path / "cache")) != made


def test_a_folder_for_the_host(made: Path, tmp_path: Path) -> None:
    more = tmp_path / "more.cpio"
    more.write_bytes(
        cpio.pack([cpio.directory("."), cpio.char_device("null", 1, 3), cpio.file("init", b"agent", 0o755)])
    )
    folder = tmp_path / "root"
    folder.mkdir()
    extract([made, more], folder)
    assert (folder / "bin" / "link").read_bytes() == b"tool"
    assert (folder / "init").stat().st_mode & 0o777 == 0o755
    assert not (folder / "null").exists()


def test_rates_are_read_from_what_programs_print() -> None:
    speed = rate(r"\+F:\d+:[^:]+:([\d.]+)$", 1e6)
    assert speed(Answer(("+R:7441:sha256:0.49", "+F:6:sha256:720500000.00"))) == Sample(720.5)
    with pytest.raises(PeerError, match="nothing in its output"):
        speed(Answer(("Segmentation fault",)))
    with pytest.raises(PeerError, match="exit status 139: Segmentation fault"):
        speed(Answer(("", "Segmentation fault"), 139))


def test_times_come_with_what_was_computed() -> None:
    answer = Answer(("noise", "BENCH check|1|2", "BENCH check 3"), 0, 1.5)
    assert seconds(answer) == Sample(1.5, 0, "BENCH check|1|2 BENCH check 3")
    with pytest.raises(PeerError, match="exit status 1: no such table"):
        seconds(Answer(("no such table",), 1, 1.5))
