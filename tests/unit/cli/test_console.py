"""The console: detach keys, pipes, and a terminal that is given back."""

import os
import pty
import select
import socket
import subprocess
import sys
import termios
import threading
from collections.abc import Generator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.cli.conftest import Vkd
from tests.unit.cli.fake import FakeDaemon
from vkd.cli.console import DetachKeys

ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-m", "vkd.cli", "console", "a"]


@pytest.mark.parametrize(
    ("typed", "passed", "leave"),
    [
        (b"ls\r", b"ls\r", False),
        (b"ab\x1dqcd", b"ab", True),
        (b"\x1d.", b"", True),
        (b"\x1d\x1d", b"\x1d", False),
        (b"\x1dx", b"\x1dx", False),
        (b"\x03\x1a", b"\x03\x1a", False),
    ],
)
def test_detach_keys(typed: bytes, passed: bytes, leave: bool) -> None:
    assert DetachKeys().feed(typed) == (passed, leave)


@given(st.lists(st.binary(max_size=4)))
def test_it_does_not_matter_how_keys_arrive(parts: list[bytes]) -> None:
    whole, left = DetachKeys().feed(b"".join(parts))
    keys, passed = DetachKeys(), b""
    for part in parts:
        more, leave = keys.feed(part)
        passed += more
        if leave:
            break
    assert (passed, leave if parts else False) == (whole, left)


@pytest.fixture
def guest(daemon: FakeDaemon) -> Generator[socket.socket, None, None]:
    with TemporaryDirectory(prefix="vkd-c-") as folder, socket.socket(socket.AF_UNIX) as listener:
        daemon.folder = folder
        listener.bind(f"{folder}/console.sock")
        listener.listen()
        listener.settimeout(20)
        yield listener


def test_piped_input_is_typed_and_the_console_printed_until_it_ends(guest: socket.socket) -> None:
    def serve() -> None:
        line, _ = guest.accept()
        with line:
            line.sendall(b"login: ")
            received = b""
            while b"\n" not in received:
                received += line.recv(100)
            line.sendall(b"\x1b[6nyou said " + received)

    thread = threading.Thread(target=serve)
    thread.start()
    done = subprocess.run(COMMAND, cwd=ROOT, input=b"root\n", capture_output=True, timeout=20, check=False)
    thread.join()
    assert (done.returncode, done.stdout, done.stderr) == (0, b"login: you said root\n", b"")


def test_input_from_a_file(guest: socket.socket, tmp_path: Path) -> None:
    received: list[bytes] = []

    def serve() -> None:
        line, _ = guest.accept()
        with line:
            received.append(line.recv(100))

    thread = threading.Thread(target=serve)
    thread.start()
    (tmp_path / "input").write_bytes(b"poweroff\n")
    with (tmp_path / "input").open() as source:
        done = subprocess.run(COMMAND, cwd=ROOT, stdin=source, capture_output=True, timeout=20, check=False)
    thread.join()
    assert (done.returncode, received) == (0, [b"poweroff\n"])


def test_on_a_terminal_ctrl_c_goes_to_the_guest_and_the_terminal_comes_back(guest: socket.socket) -> None:
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    with subprocess.Popen(COMMAND, cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        line, _ = guest.accept()
        with line:
            line.settimeout(20)
            line.sendall(b"hello\r\n")
            _read_until(ours, b"hello")
            os.write(ours, b"\x03x")
            received = b""
            while len(received) < 2:
                received += line.recv(100)
            assert received == b"\x03x"
            os.write(ours, b"\x1dq")
            _read_until(ours, b"detached")
        assert process.wait(20) == 0
    assert termios.tcgetattr(theirs) == before
    os.close(ours)
    os.close(theirs)


def test_a_guest_that_does_not_run_has_no_console(vkd: Vkd, daemon: FakeDaemon) -> None:
    daemon.rows[0].state = "stopped"
    result = vkd("console", "a")
    assert result.code == 1
    assert result.err == "vkd: guest a has no console now: it is stopped\n  hint: vkd logs a\n"


def _read_until(descriptor: int, text: bytes) -> None:
    shown = b""
    while text not in shown:
        assert select.select([descriptor], [], [], 20)[0], shown
        shown += os.read(descriptor, 1024)
