"""The tables of `vether show`."""

import pytest

from vether.cli.client import print_table


def test_each_row_is_one_line_however_wide(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(
        [
            {"name": "a", "up": True, "socket": "/x" * 100, "drops": ""},
            {"name": "bb", "up": False, "socket": None, "drops": "full 3"},
        ]
    )
    head, first, second = (line.split() for line in capsys.readouterr().out.splitlines())
    assert head == ["name", "up", "socket", "drops"]
    assert first == ["a", "yes", "/x" * 100, "-"]
    assert second == ["bb", "no", "-", "full", "3"]
    print_table([])
    assert capsys.readouterr().out == "(none)\n"
