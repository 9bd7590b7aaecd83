"""The vkernel process for real, around a machine that is not there."""

import os
import signal
import socket
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from tests.daemon.fake_vkernel import MODULE
from vether.control import ControlError
from vether.control.client import Client
from vkd import python
from vkd.errors import VkdError
from vkd.profile.sample import Batch
from vkd.supervisor import process
from vkd.supervisor.process import Process, adopt, held, launch, start_ticks
from vkd.supervisor.record import Identity
from vkd.vkernel.console import BACKLOG, REPLAY, Log
from vkd.vkernel.machine import SAMPLES
from vkd.vkernel.spec import CONSOLE, CONSOLE_LOG, CONTROL, EXIT, SPEC, Spec, read_exit_untrusted, write_atomically


def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.01)


class Running:
    """A vkernel process under test."""

    def __init__(self, folder: Path, cmdline: str) -> None:
        self.folder = folder
        write_atomically(folder / SPEC, Spec(cluster="c", name="a", memory=1 << 20, cpus=2, cmdline=cmdline))
        self.process = launch(folder, python.argv(MODULE, str(folder)), "vkernel.log")
        eventually(lambda: (folder / CONTROL).exists() or not self.alive)

    @property
    def alive(self) -> bool:
        return held(self.folder)

    def view(self) -> socket.socket:
        viewer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        viewer.settimeout(10)
        viewer.connect(str(self.folder / CONSOLE))
        return viewer

    def wait(self) -> int:
        child = self.process._child
        assert child is not None
        return child.wait(20)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def begin(cmdline: str = "") -> Running:
        started.append(Running(tmp_path, cmdline))
        return started[-1]

    yield begin
    for running in started:
        running.process.signal(signal.SIGKILL)
        running.wait()
        running.process.close()


def read_until(viewer: socket.socket, end: bytes) -> bytes:
    data = b""
    while end not in data:
        more = viewer.recv(65536)
        assert more, data
        data += more
    return data


def test_all_viewers_see_and_any_types(start: Callable[..., Running]) -> None:
    running = start()
    viewers = [running.view() for _ in range(3)]
    for viewer in viewers:
        read_until(viewer, b"(fake)")
    viewers[1].sendall(b"hello")
    for viewer in viewers:
        read_until(viewer, b"hello")
    viewers[0].close()
    viewers[2].sendall(b"again")
    read_until(viewers[1], b"again")
    late = running.view()
    assert b"(fake)\r\nhelloagain" in read_until(late, b"again")
    assert (running.folder / CONSOLE_LOG).read_bytes().endswith(b"helloagain")


def test_a_slow_viewer_is_dropped_and_the_guest_goes_on(start: Callable[..., Running]) -> None:
    running = start()
    slow, quick = running.view(), running.view()
    read_until(quick, b"(fake)")
    quick.sendall(b"flood")
    seen = 0
    while seen < 1024 * 4096:
        data = quick.recv(1 << 20)
        assert data, f"hung up after {seen} bytes"
        seen += len(data)
    with Client(running.folder / CONTROL) as client:
        eventually(lambda: client.call("status")["viewers_dropped"] == 1)
        assert client.call("status")["viewers"] == 1
    got = 0
    while data := slow.recv(1 << 20):
        got += len(data)
    assert got < 1024 * 4096
    assert len(read_until(running.view(), b"x")) <= 2 * REPLAY + BACKLOG


def test_input_that_the_guest_does_not_take_waits(start: Callable[..., Running]) -> None:
    running = start()
    viewer = running.view()
    read_until(viewer, b"(fake)")
    viewer.sendall(b"deaf")
    read_until(viewer, b"deaf")
    text = b"0123456789abcdefghijklmnopqrstuvwxyz"
    viewer.sendall(text)
    assert text in read_until(viewer, b"xyz")


def test_sockets_are_private(start: Callable[..., Running]) -> None:
    running = start()
    for name in (CONSOLE, CONTROL):
        assert stat.S_IMODE((running.folder / name).stat().st_mode) == 0o600


def test_status(start: Callable[..., Running]) -> None:
    running = start()
    with Client(running.folder / CONTROL) as client:
        eventually(lambda: client.call("status")["console_bytes"] > 0)
        status = client.call("status")
        assert status["pid"] == running.process.pid
        assert status["machine"] == {"instructions": [7, 7]}
        assert (status["cluster"], status["guest"], status["boots"]) == ("c", "a", 1)
        with pytest.raises(ControlError, match=r"there are: profile-read, .*, reset, status, stop"):
            client.call("nonsense")
        assert client.call("status")["pid"] == running.process.pid


def test_bytes_that_are_no_protocol_harm_nobody(start: Callable[..., Running]) -> None:
    running = start()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as bad:
        bad.connect(str(running.folder / CONTROL))
        bad.sendall(b"\xff" * 64)
        assert b"protocol" in bad.recv(4096)
        assert bad.recv(4096) == b""
    with Client(running.folder / CONTROL) as client:
        assert client.call("status")["guest"] == "a"


@pytest.mark.parametrize(
    ("typed", "kind", "code", "status"),
    [(b"poweroff", "poweroff", 0, 0), (b"fail", "failure", 3, 1), (b"fault", "fault", 0, 70)],
)
def test_how_the_guest_ends(start: Callable[..., Running], typed: bytes, kind: str, code: int, status: int) -> None:
    running = start()
    viewer = running.view()
    read_until(viewer, b"(fake)")
    viewer.sendall(typed)
    assert running.wait() == status
    record = read_exit_untrusted(running.folder)
    assert record is not None
    assert (record.kind, record.code) == (kind, code)
    assert record.reason
    assert not (running.folder / CONSOLE).exists()
    assert not (running.folder / CONTROL).exists()
    assert not running.alive


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_in_order(start: Callable[..., Running], number: signal.Signals) -> None:
    running = start()
    running.process.signal(number)
    assert running.wait() == 0
    record = read_exit_untrusted(running.folder)
    assert record is not None
    assert record.kind == "stopped"


def test_stop_by_control(start: Callable[..., Running]) -> None:
    running = start()
    with Client(running.folder / CONTROL) as client:
        client.call("stop")
    assert running.wait() == 0


def test_kill_leaves_no_word(start: Callable[..., Running]) -> None:
    running = start()
    running.process.signal(signal.SIGKILL)
    assert running.wait() == -9
    assert read_exit_untrusted(running.folder) is None
    assert not running.alive


def test_reboot_goes_on_in_the_same_process(start: Callable[..., Running]) -> None:
    running = start()
    viewer = running.view()
    read_until(viewer, b"(fake)")
    viewer.sendall(b"reboot")
    read_until(viewer, b"vkd: boot 2\r\n")
    with Client(running.folder / CONTROL) as client:
        assert client.call("status")["boots"] == 2
        client.call("reset")
        read_until(viewer, b"vkd: boot 3\r\n")
    viewer.sendall(b"poweroff")
    assert running.wait() == 0


def test_a_reboot_loop_ends(start: Callable[..., Running]) -> None:
    running = start("reboots")
    assert running.wait() == 1
    record = read_exit_untrusted(running.folder)
    assert record is not None
    assert "loop" in record.reason


def test_a_profile_crosses_the_control_socket(start: Callable[..., Running]) -> None:
    running = start()
    with Client(running.folder / CONTROL) as client:
        assert client.call("profile-start", hz=99, task_name=8) is None
        batch = msgspec.convert(client.call("profile-read"), Batch)
        # The limit is of each of the two harts.
        assert (batch.samples[0].pc, batch.samples[0].task, batch.lost) == (SAMPLES // 2, b"init", [0])
        assert client.call("profile-stop") is None
        with pytest.raises(ControlError, match="there can be 1 to 10000") as refused:
            client.call("profile-start", hz=10_001)
        assert refused.value.code == "invalid"
        with pytest.raises(ControlError, match="unexpected keyword argument"):
            client.call("profile-start", hz=9, speed=3)
        status = client.call("status")
        assert 0 < status["time"] <= time.monotonic()
        assert status["cpu"] > 0


def test_bad_spec_leaves_a_reason(tmp_path: Path) -> None:
    for content, words in ((b'{"cluster": 1}', "Expected `str`"), (b"\xff", "spec.json"), (b"{}", "cluster")):
        (tmp_path / SPEC).write_bytes(content)
        running = launch(tmp_path, python.argv("vkd.vkernel", str(tmp_path)), "vkernel.log")
        assert running._child is not None
        assert running._child.wait(20) == 70
        record = read_exit_untrusted(tmp_path)
        assert record is not None
        assert words in record.reason
        running.close()


def test_an_exit_file_that_is_none(tmp_path: Path) -> None:
    for content in (b"", b"{", b'{"kind": "party"}', b"\xff\xfe", b"[]"):
        (tmp_path / EXIT).write_bytes(content)
        assert read_exit_untrusted(tmp_path) is None


def test_log_is_bounded_and_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "console.log"
    log = Log(path, limit=100)
    for number in range(30):
        log.write(b"%08d\n" % number)
    log.close()
    assert path.stat().st_size <= 100
    assert (tmp_path / "console.log.1").stat().st_size <= 100
    assert path.read_bytes().endswith(b"00000029\n")
    Log(path, limit=100).close()
    assert path.read_bytes() == b""


def test_two_cannot_run_in_one_folder(start: Callable[..., Running]) -> None:
    running = start()
    with pytest.raises(VkdError, match="another process still runs"):
        launch(running.folder, python.argv(MODULE, str(running.folder)), "vkernel.log")


def test_it_is_a_session_of_its_own_and_gains_no_privileges(start: Callable[..., Running]) -> None:
    pid = start().process.pid
    assert os.getsid(pid) == pid


class TestAdoption:
    """Finding the process again, whatever is known of it."""

    def adopted(self, folder: Path, known: Identity | None) -> Process | None:
        return adopt(folder, known, MODULE, CONTROL)

    def test_by_what_was_written_down(self, start: Callable[..., Running]) -> None:
        running = start()
        found = self.adopted(running.folder, running.process.identity)
        assert found is not None
        assert found.identity == running.process.identity

    def test_by_its_socket_when_nothing_was(self, start: Callable[..., Running]) -> None:
        running = start()
        found = self.adopted(running.folder, None)
        assert found is not None
        assert found.identity == running.process.identity

    def test_by_its_arguments_when_it_has_no_socket_yet(self, start: Callable[..., Running]) -> None:
        running = start()
        (running.folder / CONTROL).unlink()
        found = self.adopted(running.folder, None)
        assert found is not None
        assert found.pid == running.process.pid

    def test_a_pid_that_was_used_again_is_not_it(self, start: Callable[..., Running]) -> None:
        running = start()
        for known in (Identity(os.getpid(), 1), Identity(os.getpid(), start_ticks(os.getpid()) or 0)):
            running.process.signal(signal.SIGKILL)
            running.wait()
            assert self.adopted(running.folder, known) is None

    def test_a_wrong_pid_does_not_hide_the_right_one(self, start: Callable[..., Running]) -> None:
        running = start()
        found = self.adopted(running.folder, Identity(os.getpid(), 1))
        assert found is not None
        assert found.pid == running.process.pid

    def test_a_holder_that_cannot_be_told_is_an_error(
        self, start: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        running = start()
        monkeypatch.setattr(process, "_candidates", lambda *_: [os.getpid()])
        with pytest.raises(VkdError, match="not known") as caught:
            self.adopted(running.folder, None)
        assert "fuser" in (caught.value.hint or "")

    def test_nothing_in_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        assert self.adopted(tmp_path / "nowhere", None) is None
