"""Sockets that a manager hands over, and the journal, with real descriptors."""

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.manager import handing_over
from vether.systemd.journal import is_journal

#: What a daemon gets, or why it refuses; and what is left for those that it starts.
_TAKE = (
    "import json, os, sys; from vether.systemd.activation import take_sockets\n"
    "try: found = [(one.name, one.fd, os.get_inheritable(one.fd)) for one in take_sockets()]\n"
    "except ValueError as error: found = str(error)\n"
    "print(json.dumps([found, [name for name in os.environ if name.startswith('LISTEN_')]]))"
)

_CONTROL = (
    "from vkd.daemon.activation import take_control_socket; from vkd.errors import VkdError\n"
    "try: control = take_control_socket(); print(control and control.getsockname())\n"
    "except VkdError as error: print('refused:', error.message, '|', error.hint)"
)


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="vkd-") as folder:
        yield Path(folder)


@pytest.fixture
def listener(folder: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(folder / "vkd.sock"))
        listener.listen()
        yield listener


def take(given: socket.socket, code: str = _TAKE, **environment: str) -> str:
    command = [sys.executable, "-c", code]
    done = subprocess.run(**handing_over(given, command, **environment), stdout=subprocess.PIPE, timeout=30, check=True)
    output: bytes = done.stdout
    return output.decode().strip()


@pytest.mark.parametrize(("names", "name"), [("control", "control"), ("", ""), ("a:b", "a")])
def test_a_socket_is_taken_with_its_name_and_not_passed_on(listener: socket.socket, names: str, name: str) -> None:
    assert json.loads(take(listener, LISTEN_FDNAMES=names)) == [[[name, 3, False]], []]


def test_numbers_that_are_none_are_refused(listener: socket.socket) -> None:
    assert json.loads(take(listener, LISTEN_FDS="x"))[0].endswith("must be numbers")
    assert json.loads(take(listener, LISTEN_FDS="1000000000"))[0].endswith("is not open")


def test_sockets_of_another_process_are_not_taken() -> None:
    environment = {**os.environ, "LISTEN_PID": "1", "LISTEN_FDS": "1"}
    done = subprocess.run([sys.executable, "-c", _TAKE], env=environment, capture_output=True, timeout=30, check=True)
    assert json.loads(done.stdout) == [[], []]


def test_the_control_socket_is_where_commands_look(listener: socket.socket, folder: Path) -> None:
    assert take(listener, _CONTROL, VKD_RUNTIME_DIR=str(folder)) == str(folder / "vkd.sock")
    (folder / "link").symlink_to(folder)
    assert take(listener, _CONTROL, VKD_RUNTIME_DIR=str(folder / "link")) == str(folder / "vkd.sock")
    elsewhere = take(listener, _CONTROL, VKD_RUNTIME_DIR="/nonexistent")
    assert elsewhere.startswith(f"refused: the service manager listens at {folder}/vkd.sock, but")
    assert "ListenStream=" in elsewhere


def test_another_kind_of_socket_is_refused() -> None:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_UNIX, kind) as other:
            assert "is no listening unix stream socket" in take(other, _CONTROL)


def test_of_several_sockets_one_has_the_name(listener: socket.socket, folder: Path) -> None:
    # Descriptor 4 is whatever the interpreter that hands over had open there; it is not looked at.
    code = "import os; os.dup2(3, 4); os.environ['LISTEN_FDS'] = '2'\n" + _CONTROL
    runtime = str(folder)
    assert take(listener, code, LISTEN_FDNAMES="x:control", VKD_RUNTIME_DIR=runtime) == str(folder / "vkd.sock")
    assert "one must be named control; they are: x, y" in take(listener, code, LISTEN_FDNAMES="x:y")


def test_the_journal_is_recognised_by_its_descriptor() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        status = os.fstat(ours.fileno())
        environment = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        assert is_journal(environment, ours.fileno())
        assert not is_journal(environment, theirs.fileno())
        assert not is_journal({}, ours.fileno())
        assert not is_journal({"JOURNAL_STREAM": "x"}, 9999)
