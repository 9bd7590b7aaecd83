"""The real daemon under a service manager: it tells how it is, feeds the watchdog, and reads its file again."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.manager import Manager
from tests.vether.lab import EVERYBODY, Lab, frame, mac
from vether.control import ControlError

PERIOD = 0.4


class Service:
    """`vether serve` as a unit runs it."""

    def __init__(self, lab: Lab, manager: Manager) -> None:
        self.lab, self.manager = lab, manager
        self.file = lab.folder / "lan.toml"

    def write(self, *ports: str, more: str = "") -> None:
        tables = "".join(f"[[ports]]\nname = '{name}'\n" for name in ports)
        self.file.write_text(f"name = 'lan'\ngateway = false\n{more}\n{tables}")

    def start(self, **environment: str) -> dict[str, str]:
        command = [sys.executable, "-m", "vether", "serve", str(self.file), "--dir", str(self.lab.dir)]
        env = {**os.environ, "NOTIFY_SOCKET": self.manager.address, **environment}
        self.lab.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
        return self.manager.until("READY")

    def reload(self) -> "subprocess.CompletedProcess[str]":
        return self.lab.command("reload", "--dir", str(self.lab.dir))


@pytest.fixture
def service(lab: Lab) -> Iterator[Service]:
    with Manager() as manager:
        yield Service(lab, manager)


def test_it_is_ready_when_it_answers_beats_and_says_goodbye(service: Service) -> None:
    service.write("a")
    assert service.start(WATCHDOG_USEC=str(int(PERIOD * 1e6))) == {"READY": "1", "STATUS": "lan: 0 of 1 ports up"}
    assert service.lab.call("ping")["name"] == "lan"
    for _ in range(4):
        service.manager.until("WATCHDOG", "1")
    service.lab.connect("a")
    assert service.manager.until("STATUS") == {"WATCHDOG": "1", "STATUS": "lan: 1 of 1 ports up"}
    assert service.lab.end(signal.SIGTERM) == 0
    assert service.manager.until("STOPPING") == {"STOPPING": "1"}
    assert service.manager.receive(0.01) is None


def test_a_daemon_that_stands_still_is_silent(service: Service) -> None:
    service.write()
    service.start(WATCHDOG_USEC=str(int(PERIOD * 1e6)))
    service.manager.until("WATCHDOG")
    assert service.lab.process is not None
    service.lab.process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, service.lab.process.pid, os.WSTOPPED | os.WNOWAIT)
    service.manager.drain()
    assert service.manager.receive(3 * PERIOD) is None
    service.lab.process.send_signal(signal.SIGCONT)
    service.manager.until("WATCHDOG")


def test_an_edited_file_is_taken_over_while_frames_flow(service: Service) -> None:
    service.write("a", "b")
    service.start()
    a, b = service.lab.connect("a"), service.lab.connect("b")
    service.write("a", "b", "c", more="ageing = 5")
    done = service.reload()
    assert (done.returncode, done.stdout) == (0, "port c: added\nageing: 5 s\n")
    assert service.manager.until("RELOADING")["MONOTONIC_USEC"].isdigit()
    assert service.manager.until("READY")["STATUS"].endswith(" of 3 ports up")
    assert service.reload().stdout == "nothing to change\n"
    a.send(frame(EVERYBODY, mac(1)))
    assert b.receive() == frame(EVERYBODY, mac(1))


def test_a_wrong_file_changes_nothing_and_is_named(service: Service) -> None:
    service.write("a")
    service.start()
    service.write("a", "b", more="ageing = 'soon'")
    done = service.reload()
    assert done.returncode == 2
    assert f"{service.file}: ageing" in done.stderr
    assert "Traceback" not in done.stderr
    service.manager.until("RELOADING")
    service.manager.until("READY")
    service.file.unlink()
    with pytest.raises(ControlError, match="No such file"):
        service.lab.call("reload")
    assert [port["name"] for port in service.lab.call("show", what="ports")] == ["a"]


def test_commands_find_the_switches_of_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vether import folder  # noqa: PLC0415 - its module is what is changed

    own, system = tmp_path / "own", tmp_path / "system"
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(own))
    monkeypatch.setattr(folder, "SYSTEM", system)
    assert folder.find("lan") == own / "vether/lan"
    (system / "lan").mkdir(parents=True)
    assert folder.find("lan") == system / "lan"
    (own / "vether/lan").mkdir(parents=True)
    (own / "vether/lan/ctl").touch()
    assert folder.find("lan") == own / "vether/lan"
