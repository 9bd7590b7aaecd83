"""What the command line says to words that it does not know."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from vether import __version__
from vether.cli import app
from vether.errors import hint_to_write


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[object, str, str]:
    """Run a command line; return its exit code and what it printed, and complained."""
    monkeypatch.setattr("sys.argv", ["vether", *words])
    code: object = 0
    try:
        app.run()
    except SystemExit as end:
        code = end.code
    printed = capsys.readouterr()
    return code, printed.out, printed.err


@pytest.mark.parametrize(("word", "hint"), [("nonsense", "there are: serve, show,"), ("shw", "did you mean 'show'?")])
def test_an_unknown_command_gets_those_that_there_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], word: str, hint: str
) -> None:
    code, _, error = run(monkeypatch, capsys, word)
    assert (code, f"There is no command '{word}'; {hint}" in error) == (2, True), error


def test_the_version_is_told_as_by_vkd(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, capsys, "--version") == (0, f"vether {__version__}\n", "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("set lan web", "Nothing to change: KEY=VALUE is missing"),
        ("set web --dir D", "Nothing to change: KEY=VALUE is missing"),
        ("set lan mac=x", "NAME missing: vether set NETWORK NAME"),
        ("add", "NETWORK and NAME missing: vether add NETWORK NAME"),
        ("add --dir D kind=vde", "NAME missing: vether add NAME"),
        ("add lan web kind=vde --dir D", "'web' is too much: --dir stands for NETWORK, so leave 'lan' out"),
        ("del lan web --dir D", "'web' is too much: --dir stands for NETWORK, so leave 'lan' out"),
        ("del lan web x=1", "'x=1' is too much: del takes no KEY=VALUE"),
        ("show ports lan --dir D", "'lan' is too much: --dir stands for NETWORK"),
        ("show ports", "name the switch"),
    ],
)
def test_what_is_missing_or_too_much_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: str, message: str
) -> None:
    code, _, error = run(monkeypatch, capsys, *words.split())
    assert (code, message in error) == (2, True), error


def test_a_key_in_a_folder_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, _, error = run(monkeypatch, capsys, "key", str(tmp_path / "none" / "k"))
    assert (code, f"make the folder first: mkdir -p {tmp_path / 'none'}" in error) == (1, True), error


def test_output_for_which_there_is_no_room(tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "vether", "key", str(tmp_path / "k")]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "vether: cannot write the output: No space left on device",
        "  make room there, or send it elsewhere",
    ]


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        (errno.ENOENT, "mkdir -p /a"),
        (errno.EROFS, "may write to"),
        (errno.ENOSPC, "make room"),
        (errno.EISDIR, "name another file"),
        (errno.EIO, "None"),
    ],
)
def test_what_to_do_where_a_file_cannot_be_written(code: int, hint: str) -> None:
    assert hint in str(hint_to_write(Path("/a/b"), OSError(code, "no")))


@pytest.mark.parametrize("words", ["add web kind=vde", "set web mac_limit=4", "del web"])
def test_a_folder_stands_for_the_network(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, words: str
) -> None:
    code, _, error = run(monkeypatch, capsys, *words.split(), "--dir", str(tmp_path / "none"))
    assert (code, f"no switch runs in {tmp_path / 'none'}" in error) == (3, True), error
