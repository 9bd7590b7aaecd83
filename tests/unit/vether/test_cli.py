"""What the command line says to words that it does not know."""

from pathlib import Path

import pytest

from vether import __version__
from vether.cli import app


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


@pytest.mark.parametrize("words", ["add web kind=vde", "set web mac_limit=4", "del web"])
def test_a_folder_stands_for_the_network(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, words: str
) -> None:
    code, _, error = run(monkeypatch, capsys, *words.split(), "--dir", str(tmp_path / "none"))
    assert (code, f"no switch runs in {tmp_path / 'none'}" in error) == (3, True), error
