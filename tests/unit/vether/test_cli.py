"""What the command line says to words that it does not know."""

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
