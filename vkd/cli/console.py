"""`vkd console`: the guest's serial console in this terminal."""

import contextlib
import os
import selectors
import signal
import socket
import sys
import termios
import tty
from collections.abc import Generator
from pathlib import Path

import click

from vkd.cli.client import inspect
from vkd.cli.complete import guests
from vkd.cli.escapes import Tamer
from vkd.errors import VkdError

_ESCAPE = b"\x1d"  # Ctrl-]
_LEAVE = (b".", b"q")
_CHUNK = 65536


class DetachKeys:
    """Looks for Ctrl-] and then `.` or `q` in what is typed; Ctrl-] twice types it once. Pure."""

    def __init__(self) -> None:
        self._escaped = False

    def feed(self, typed: bytes) -> tuple[bytes, bool]:
        """Return what to pass on of `typed`, and whether to leave (what follows is not looked at)."""
        passed = b""
        for at in range(len(typed)):
            key = typed[at : at + 1]
            if self._escaped:
                self._escaped = False
                if key in _LEAVE:
                    return passed, True
                passed += key if key == _ESCAPE else _ESCAPE + key
            elif key == _ESCAPE:
                self._escaped = True
            else:
                passed += key
        return passed, False


@click.command()
@click.argument("name", shell_complete=guests)
def console(name: str) -> None:
    """Attach this terminal to a guest's console; several may. Leave with Ctrl-] and then q (or a dot).

    Without a terminal, standard input is typed, and the console is printed until it ends: text and colours only, for
    there is nobody to answer what a shell asks of a terminal.
    """
    found = inspect(name)
    terminal = sys.stdin.isatty()
    with _connect(Path(found.folder) / "console.sock", name, found.row.state) as line:
        if terminal:
            click.echo(f"attached to {found.row.cluster}/{found.row.name}; leave with Ctrl-] and then q", err=True)
        with _raw_terminal() if terminal else contextlib.nullcontext():
            ended = _relay(line, sys.stdin.fileno(), sys.stdout.fileno(), terminal=terminal)
    if terminal:
        click.echo("\r\nthe console ended" if ended else "\r\ndetached", err=True)


def _connect(path: Path, name: str, state: str) -> socket.socket:
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        line.connect(str(path))
    except OSError as error:
        line.close()
        raise VkdError(f"guest {name} has no console now: it is {state}", hint=f"vkd logs {name}") from error
    return line


@contextlib.contextmanager
def _raw_terminal() -> Generator[None, None, None]:
    """Pass every key on, and give the terminal back as it was, however this ends."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)

    def end(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    handlers = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        tty.setraw(descriptor)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _relay(line: socket.socket, source: int, sink: int, *, terminal: bool) -> bool:
    """Carry bytes both ways; return whether the console ended (rather than the user left)."""
    keys = DetachKeys()
    tame = bytes if terminal else Tamer().feed_untrusted
    with selectors.DefaultSelector() as ready:
        ready.register(line, selectors.EVENT_READ)
        # A regular file is always ready and cannot be waited for; it is typed at once.
        try:
            ready.register(source, selectors.EVENT_READ)
        except PermissionError:
            while data := os.read(source, _CHUNK):
                line.sendall(data)
        while True:
            for key, _ in ready.select():
                if key.fileobj is line:
                    data = _receive(line)
                    if not data:
                        return True
                    _write(sink, tame(data))
                    continue
                data = os.read(source, _CHUNK)
                if not data:
                    ready.unregister(source)
                    continue
                leave = False
                if terminal:
                    data, leave = keys.feed(data)
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    line.sendall(data)
                if leave:
                    return False


def _receive(line: socket.socket) -> bytes:
    try:
        return line.recv(_CHUNK)
    except ConnectionResetError:
        return b""


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
