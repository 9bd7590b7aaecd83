from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vkd.errors import ConfigError, ImageError
from vkd.images.mirror import Source, apt_sources, mirrors, parse_deb822, parse_list

DEB822 = """\
# a comment
Types: deb deb-src
URIs: http://one.example/debian/ http://two.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
# another
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: trixie
Components: main

Types: deb-src
URIs: http://source.example/debian
Suites: trixie
Components: main
"""


def lay(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / "etc/apt" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_deb822() -> None:
    found = list(parse_deb822(DEB822))
    assert [source.uri for source in found] == ["http://one.example/debian/", "http://two.example/debian"]
    assert found[0].suites == ("bookworm", "bookworm-updates")
    assert found[0].components == ("main", "contrib")
    assert found[0].signed_by.endswith("debian-archive-keyring.gpg")


@pytest.mark.parametrize(
    ("line", "source"),
    [
        ("deb http://h.example/debian trixie main", Source("http://h.example/debian", ("trixie",), ("main",))),
        (
            "  deb  [ arch=amd64 signed-by=/k.gpg ]  http://h.example/d  sid  main contrib # note",
            Source("http://h.example/d", ("sid",), ("main", "contrib"), "/k.gpg"),
        ),
        ("deb file:/srv/debian stable main", Source("file:/srv/debian", ("stable",), ("main",))),
    ],
)
def test_one_line(line: str, source: Source) -> None:
    assert list(parse_list(f"# comment\n\n{line}\n")) == [source]


@pytest.mark.parametrize(
    "line", ["deb-src http://h.example/d trixie main", "# deb http://h.example/d trixie main", "deb", "debx a b c"]
)
def test_one_line_passes_over(line: str) -> None:
    assert list(parse_list(line)) == []


@given(st.text())
def test_parsers_take_any_text(text: str) -> None:
    list(parse_list(text))
    list(parse_deb822(text))


def test_the_debian_archive_goes_before_lookalikes(tmp_path: Path) -> None:
    lay(
        tmp_path,
        {
            "sources.list": "deb http://other.example/apt bookworm main\ndeb cdrom:[Debian]/ trixie main\n",
            "sources.list.d/debian.sources": DEB822,
            "sources.list.d/ubuntu.list": "deb http://ubuntu.example/ubuntu noble main\n",
            "sources.list.d/editor.list": "deb http://editor.example/repos stable stable\n",
            "sources.list.d/ignored.txt": "deb http://ignored.example/debian trixie main\n",
        },
    )
    expected = ["http://one.example/debian", "http://two.example/debian", "http://other.example/apt"]
    assert mirrors(None, {}, tmp_path) == expected


def test_dir_settings_move_the_files(tmp_path: Path) -> None:
    lay(
        tmp_path,
        {
            "apt.conf.d/10dir": 'Dir::Etc::SourceList "mine.list";\nDir::Etc::sourceparts "mine.d";\n',
            "mine.list": "deb http://a.example/debian trixie main\n",
            "mine.d/b.list": "deb http://b.example/debian trixie main\n",
            "sources.list": "deb http://no.example/debian trixie main\n",
        },
    )
    assert [source.uri for source in apt_sources(tmp_path, {})] == [
        "http://a.example/debian",
        "http://b.example/debian",
    ]


def test_a_named_mirror_wins(tmp_path: Path) -> None:
    lay(tmp_path, {"sources.list": "deb http://apt.example/debian trixie main\n"})
    assert mirrors("http://config.example/debian/", {}, tmp_path) == ["http://config.example/debian"]
    assert mirrors("http://named.example/d", {"VKD_MIRROR": "file:/srv/d"}, tmp_path) == ["http://named.example/d"]
    assert mirrors(None, {"VKD_MIRROR": "file:/srv/d"}, tmp_path) == ["file:/srv/d"]
    with pytest.raises(ConfigError, match="VKD_MIRROR: 'ftp://x' is not an address"):
        mirrors(None, {"VKD_MIRROR": "ftp://x"}, tmp_path)


def test_none_at_all_says_how_to_name_one(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no Debian mirror") as caught:
        mirrors(None, {}, tmp_path)
    assert "VKD_MIRROR=URL" in str(caught.value.hint)
