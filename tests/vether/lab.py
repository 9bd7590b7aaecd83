"""A real switch daemon for tests, and clients of its ports."""

import contextlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest

from vether.control.client import Client

HEADER = 12
PATIENCE = 10.0


def until(what: str, done: Callable[[], Any]) -> Any:
    """Wait until `done` returns something true, and return it."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if result := done():
            return result
        time.sleep(0.01)
    raise AssertionError(f"no {what} within {PATIENCE} s")


class Guest:
    """A peer of a port. Frames are without their virtio-net header unless said otherwise."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(str(path))

    def send(self, frame: bytes, header: bytes = bytes(HEADER)) -> None:
        self.socket.send(header + frame)

    def receive(self) -> bytes:
        packet = self.socket.recv(70000)
        if not packet:
            raise ConnectionResetError
        return packet[HEADER:]

    def is_silent(self, seconds: float = 0.1) -> bool:
        self.socket.settimeout(seconds)
        try:
            self.receive()
        except TimeoutError:
            return True
        else:
            return False
        finally:
            self.socket.settimeout(PATIENCE)

    def close(self) -> None:
        self.socket.close()


class Lab:
    """A switch daemon in a runtime folder of its own."""

    def __init__(self, folder: Path, prefix: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self.dir = folder / "run"
        #: What the daemon's command begins with: `ip netns exec NAME`.
        self.prefix = [*prefix]
        #: What it ends with.
        self.options: list[str] = []
        self.process: subprocess.Popen[bytes] | None = None
        self._guests: list[Guest] = []

    def spawn(self, spec: dict[str, Any], pass_fds: tuple[int, ...] = ()) -> subprocess.Popen[bytes]:
        file = self.folder / "spec.msgpack"
        file.write_bytes(msgpack.packb(spec))
        command = [*self.prefix, sys.executable, "-m", "vether", "serve", str(file), "--dir", str(self.dir)]
        command += self.options
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdout=pipe, stderr=pipe, start_new_session=True, pass_fds=pass_fds)

    def start(self, spec: dict[str, Any], pass_fds: tuple[int, ...] = ()) -> None:
        self.process = self.spawn(spec, pass_fds)
        until("switch", self.answers)

    def answers(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            assert self.process.stderr is not None
            raise AssertionError(self.process.stderr.read().decode())
        with contextlib.suppress(OSError):
            return bool(self.call("ping")["pid"] == self.process.pid)
        return False

    def call(self, op: str, **args: object) -> Any:
        with Client(self.dir / "ctl", timeout=PATIENCE) as client:
            return client.call(op, **args)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "vether", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    def connect(self, port: str) -> Guest:
        guest = Guest(self.dir / "ports" / port)
        self._guests.append(guest)
        until("carrier", lambda: self.port(port)["carrier"])
        return guest

    def port(self, name: str) -> dict[str, Any]:
        return next(port for port in self.call("show", what="ports") if port["name"] == name)

    def stats(self, port: str) -> dict[str, Any]:
        result: dict[str, Any] = self.call("show", what="stats")["ports"][port]
        return result

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()
        self.process = None
        return code

    def close(self) -> None:
        for guest in self._guests:
            guest.close()
        if self.process is not None:
            self.end(signal.SIGKILL)
        shutil.rmtree(self.folder)


@contextlib.contextmanager
def open_lab(*prefix: str) -> Iterator[Lab]:
    # Paths of unix sockets are short; pytest's own folders are not.
    lab = Lab(Path(tempfile.mkdtemp(prefix="vether-")), prefix)
    try:
        yield lab
    finally:
        lab.close()


def mac(number: int) -> bytes:
    return bytes([2, 0, 0, 0, 0, number])


def frame(destination: bytes, source: bytes, payload: bytes = b"payload") -> bytes:
    return destination + source + b"\x88\xb5" + payload


EVERYBODY = b"\xff" * 6


def needs_namespaces() -> None:
    """Skip where this user may make no network namespace with a TAP in it."""
    probe = [sys.executable, "-m", "tests.vether.tap_guest", "--probe"]
    if shutil.which("ip") is None or subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("needs iproute2, /dev/net/tun and the right to make network namespaces")


def ports(*names: str, **more: object) -> dict[str, Any]:
    """Return a specification of guests' ports without a gateway."""
    return {"name": "lan", "gateway": False, "ports": [{"name": name} for name in names], **more}
