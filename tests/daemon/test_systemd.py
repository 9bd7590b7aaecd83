"""The real daemon under a service manager: its control socket, its watchdog, and what stays when it ends."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.manager import PATIENCE, Manager, handing_over
from vether.control.client import Client

PERIOD = 0.4
DAEMON = [sys.executable, "-c", "import sys; from vkd.cli import main; sys.exit(main())", "daemon"]


class Service:
    """`vkd daemon`, with the control socket that its manager made."""

    def __init__(self, folder: Path, manager: Manager) -> None:
        self.folder, self.manager = folder, manager
        self.path = folder / "run/vkd.sock"
        self.process: subprocess.Popen[bytes] | None = None
        self.path.parent.mkdir(mode=0o700)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(self.path))
        self.listener.listen()

    @property
    def environment(self) -> dict[str, str]:
        folders = {"VKD_RUNTIME_DIR": str(self.path.parent), "VKD_STATE_DIR": str(self.folder / "state")}
        return {**folders, "NOTIFY_SOCKET": self.manager.address, "WATCHDOG_USEC": str(int(PERIOD * 1e6))}

    def start(self) -> None:
        how = handing_over(self.listener, DAEMON, LISTEN_FDNAMES="control", **self.environment)
        self.process = subprocess.Popen(**how, stderr=subprocess.PIPE)

    def end(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        self.process.communicate(timeout=PATIENCE)
        return self.process.returncode

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.end(signal.SIGKILL)
        self.listener.close()


def connected(path: Path) -> Client:
    """Connect as soon as somebody listens."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return Client(path, PATIENCE)
        except OSError:
            assert time.monotonic() < deadline, f"nobody listens at {path}"
            time.sleep(0.02)


@pytest.fixture
def service() -> Iterator[Service]:
    # Paths of unix sockets are short; pytest's own folders are not.
    folder = Path(tempfile.mkdtemp(prefix="vkd-"))
    with Manager() as manager:
        service = Service(folder, manager)
        try:
            yield service
        finally:
            service.close()
            shutil.rmtree(folder)


def test_who_asks_before_the_daemon_is_there_is_answered_by_it(service: Service) -> None:
    with Client(service.path, PATIENCE) as early:
        service.start()
        assert service.process is not None
        assert early.call("ping")["pid"] == service.process.pid
    assert service.manager.until("READY") == {"READY": "1", "STATUS": "clusters: 0, guests ready: 0 of 0"}
    for _ in range(3):
        service.manager.until("WATCHDOG", "1")
    assert service.end(signal.SIGTERM) == 0
    service.manager.until("STOPPING")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_socket_stays_for_the_next_daemon(service: Service, number: signal.Signals) -> None:
    service.start()
    service.manager.until("READY")
    service.end(number)
    with Client(service.path, PATIENCE) as waiting:
        service.start()
        assert service.process is not None
        assert waiting.call("ping")["pid"] == service.process.pid


def test_a_daemon_that_stands_still_is_silent(service: Service) -> None:
    service.start()
    service.manager.until("WATCHDOG")
    assert service.process is not None
    service.process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, service.process.pid, os.WSTOPPED | os.WNOWAIT)
    service.manager.drain()
    assert service.manager.receive(3 * PERIOD) is None
    service.process.send_signal(signal.SIGCONT)
    service.manager.until("WATCHDOG")


def test_a_socket_elsewhere_is_refused_with_what_to_do(service: Service) -> None:
    environment = {**service.environment, "VKD_RUNTIME_DIR": str(service.folder / "other")}
    how = handing_over(service.listener, DAEMON, **environment)
    done = subprocess.run(**how, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 1
    assert f"listens at {service.path}" in done.stderr
    assert "hint: let ListenStream= and VKD_RUNTIME_DIR name the same folder" in done.stderr


@pytest.mark.skipif(shutil.which("systemd-socket-activate") is None, reason="needs systemd-socket-activate (systemd)")
def test_as_systemd_itself_hands_it_over(service: Service) -> None:
    service.path.unlink()
    command = ["systemd-socket-activate", f"--listen={service.path}", "--fdname=control"]
    names = ("PYTHONPATH", "VKD_RUNTIME_DIR", "VKD_STATE_DIR", "NOTIFY_SOCKET")
    passed = [f"--setenv={name}" for name in names]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **service.environment}
    service.process = subprocess.Popen([*command, *passed, *DAEMON], env=environment, stderr=subprocess.PIPE)
    with connected(service.path) as client:
        assert client.call("ping")["pid"] == service.process.pid
    service.manager.until("READY")
    assert service.end(signal.SIGTERM) == 0
    service.manager.until("STOPPING")
