"""What of a guest's console reaches the terminal of a user."""

import os
import pty
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.cli.fake import FakeDaemon
from vkd.cli.edge import run
from vkd.cli.escapes import Tamer


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (b"plain\r\n\ttext\b \xc3\xa9", b"plain\r\n\ttext\b \xc3\xa9"),
        (b"a:~# \x1b[6n", b"a:~# "),
        (b"\x1b[1;31mred\x1b[0m", b"\x1b[1;31mred\x1b[0m"),
        (b"\x1b[2J\x1b[H\x1b[?1049hx", b"x"),
        (b"\x1b]0;title\x07x", b"x"),
        (b"\x1b]52;c;aGk=\x1b\\x", b"x"),
        (b"\x1bP$qm\x1b\\x\x1bZ\x1bcy\x1b(0z", b"xyz"),
        (b"\xc2\x1b[2J\x9bx", b"\x9bx"),
        (b"\x1b\x1b[6nx\x05\x0e\xc2\x9b6n", b"x6n"),
    ],
)
def test_sequences(said: bytes, shown: bytes) -> None:
    assert Tamer().feed_untrusted(said) == shown
    piecewise = Tamer()
    assert b"".join(piecewise.feed_untrusted(bytes([byte])) for byte in said) == shown


def test_a_sequence_without_end_does_not_pile_up() -> None:
    tamer = Tamer()
    shown = b"".join(tamer.feed_untrusted(b"\x1b]0;" + b"x" * 1000) for _ in range(100))
    assert b"\x1b" not in shown
    assert len(shown) > 50_000


@given(st.lists(st.binary() | st.sampled_from([b"\x1b", b"[", b"]", b"6n", b"\x1b[6", b"\x1b\\", b"m", b"P"])))
def test_nothing_but_colours_gets_through(pieces: list[bytes]) -> None:
    tamer = Tamer()
    shown = b"".join(tamer.feed_untrusted(piece) for piece in pieces)
    assert not re.search(rb"[\x00-\x07\x0b\x0c\x0e-\x1f\x7f]", re.sub(rb"\x1b\[[0-9;:]*m", b"", shown))


def test_logs_ask_the_terminal_nothing(daemon: FakeDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "console.log").write_bytes(b"\x1b[32mok\x1b[0m\r\na:~# \x1b[6n")
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stdout", terminal)
        assert run(["logs", "a"]) == 0
        said = os.read(ours, 1000)
    os.close(ours)
    assert b"ok" in said
    assert b"\x1b[6n" not in said
