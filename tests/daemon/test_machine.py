"""The daemon, its vkernels and the native machine for real, with a bare-metal guest of one page."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from tests.daemon.fakes import guest_config, restart
from tests.isa import toolchain
from vether.control import ControlError
from vether.control.client import Client
from vkd import daemon, python
from vkd.api import Load
from vkd.cli.rates import rates
from vkd.config.model import Cluster as Config
from vkd.paths import control_socket, runtime_dir, state_dir
from vkd.profile.sample import Batch, Profile
from vkd.supervisor.process import Process, launch
from vkd.vkernel.spec import CONSOLE, CONTROL, SPEC, Spec, read_exit_untrusted, write_atomically

pytestmark = pytest.mark.skipif(toolchain.missing() is not None, reason=str(toolchain.missing()))

MEMORY = 16 << 20


def eventually(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    elf = tmp_path_factory.mktemp("guest") / "echo.elf"
    toolchain.assemble(Path(__file__).parent / "programs/echo.S", elf)
    return elf


def view(folder: Path) -> socket.socket:
    viewer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    viewer.settimeout(20)
    viewer.connect(str(folder / CONSOLE))
    return viewer


def read_until(viewer: socket.socket, end: bytes) -> bytes:
    data = b""
    while end not in data:
        more = viewer.recv(65536)
        assert more, data
        data += more
    return data


@pytest.fixture
def vkernel(tmp_path: Path, kernel: Path) -> Iterator[Process]:
    spec = Spec(cluster="c", name="a", memory=MEMORY, cpus=2, kernel=str(kernel), firmware="none")
    write_atomically(tmp_path / SPEC, spec)
    running = launch(tmp_path, python.argv("vkd.vkernel", str(tmp_path)), "vkernel.log")
    eventually((tmp_path / CONTROL).exists)
    yield running
    running.signal(signal.SIGKILL)
    child(running).wait(10)
    running.close()


def child(running: Process) -> "subprocess.Popen[bytes]":
    assert running._child is not None
    return running._child


class TestVKernel:
    """One process around the native machine."""

    @pytest.mark.parametrize(
        ("typed", "end", "status"), [(b"p", ("poweroff", 0), 0), (b"f", ("failure", 3), 1), (b"w", ("halted", 0), 1)]
    )
    def test_ends(self, vkernel: Process, tmp_path: Path, typed: bytes, end: tuple[str, int], status: int) -> None:
        viewer = view(tmp_path)
        read_until(viewer, b"ready\r\n")
        viewer.sendall(typed)
        assert child(vkernel).wait(20) == status
        record = read_exit_untrusted(tmp_path)
        assert record is not None
        assert (record.kind, record.code) == end

    def test_viewers_reboot_and_counters(self, vkernel: Process, tmp_path: Path) -> None:
        viewers = [view(tmp_path) for _ in range(3)]
        for viewer in viewers:
            read_until(viewer, b"ready\r\n")
        viewers[0].sendall(b"hello")
        for viewer in viewers:
            read_until(viewer, b"hello")
        viewers[1].sendall(b"r")
        for viewer in viewers:
            read_until(viewer, b"vkd: boot 2\r\n")
        viewers[2].sendall(b"again")
        read_until(viewers[0], b"again")
        with Client(tmp_path / CONTROL) as client:
            status = client.call("status")
        assert status["boots"] == 2
        assert len(status["machine"]["instructions"]) == 2
        assert sum(status["machine"]["instructions"]) > 0

    def test_a_spinning_guest_ends_by_sigterm(self, vkernel: Process, tmp_path: Path) -> None:
        viewer = view(tmp_path)
        read_until(viewer, b"ready\r\n")
        viewer.sendall(b"s")
        vkernel.signal(signal.SIGTERM)
        assert child(vkernel).wait(20) == 0
        record = read_exit_untrusted(tmp_path)
        assert record is not None
        assert record.kind == "stopped"

    def test_overhead(self, vkernel: Process, tmp_path: Path) -> None:
        read_until(view(tmp_path), b"ready\r\n")
        fields = dict(line.split(":", 1) for line in Path(f"/proc/{vkernel.pid}/status").read_text().splitlines())
        assert int(fields["VmRSS"].split()[0]) < 40 * 1024
        assert fields["NoNewPrivs"].strip() == "1"
        assert fields["Name"].strip() == "vkernel:a"


def test_a_kernel_that_is_none(tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    bad.write_bytes(b"\x7fELF" + bytes(60))
    for path, words in ((bad, "bad"), (tmp_path / "nowhere", "nowhere")):
        write_atomically(tmp_path / SPEC, Spec(cluster="c", name="a", memory=MEMORY, kernel=str(path)))
        running = launch(tmp_path, python.argv("vkd.vkernel", str(tmp_path)), "vkernel.log")
        assert child(running).wait(20) == 70
        record = read_exit_untrusted(tmp_path)
        assert record is not None
        assert words in record.reason
        running.close()


class Service:
    """A daemon on demand with folders of its own."""

    def __init__(self, kernel: Path) -> None:
        self.kernel = kernel

    def config(self, *names: str, **changes: Any) -> Config:
        fields = {
            "image": None,
            "kernel": str(self.kernel),
            "firmware": "none",
            "memory": MEMORY,
            "wait_for": "kernel",
            "restart": restart("no"),
        }
        return Config(
            name="c", networks={}, guests={name: guest_config(name, **{**fields, **changes}) for name in names}
        )

    def call(self, op: str, **arguments: object) -> Any:
        daemon.spawn()
        with Client(control_socket(), 60) as client:
            return client.call(op, **arguments)

    def up(self, config: Config) -> dict[str, Any]:
        result: dict[str, Any] = self.call("up", cluster=msgspec.to_builtins(config), source="/x/cluster.toml")
        return result

    def rows(self) -> dict[str, Any]:
        return {row["name"]: row for row in self.call("ps", all=True)}

    def kill(self) -> None:
        pid = self.call("ping")["pid"]
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: not Path(f"/proc/{pid}").exists())


@pytest.fixture
def service(kernel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setenv("VKD_RUNTIME_DIR", str(tmp_path / "r"))
    monkeypatch.setenv("VKD_STATE_DIR", str(tmp_path / "s"))
    service = Service(kernel)
    yield service
    service.call("down", all=True)
    eventually(lambda: not runtime_dir().exists() and not state_dir().exists())


def running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_up_and_down_leave_nothing(service: Service) -> None:
    result = service.up(service.config("a", "b"))
    assert [row["state"] for row in result["guests"]] == ["ready", "ready"]
    pids = [row["pid"] for row in result["guests"]]
    pids.append(service.call("ping")["pid"])
    assert service.call("down") == {"clusters": ["c"]}
    eventually(lambda: not any(running(pid) for pid in pids))
    eventually(lambda: not runtime_dir().exists() and not state_dir().exists())


def test_guests_survive_the_daemon_and_are_adopted(service: Service) -> None:
    service.up(service.config("a", "b"))
    before = service.rows()
    service.kill()
    assert all(running(row["pid"]) for row in before.values())
    after = service.rows()
    assert {name: row["pid"] for name, row in after.items()} == {name: row["pid"] for name, row in before.items()}
    assert {row["state"] for row in after.values()} == {"ready"}
    assert service.up(service.config("a", "b"))["changes"]["added"] == []
    # An adopted guest is stopped and started as any other.
    assert service.call("restart", guests=["a"])[0]["state"] == "ready"
    assert service.rows()["a"]["pid"] != before["a"]["pid"]
    assert service.rows()["b"]["pid"] == before["b"]["pid"]


def test_what_happened_while_there_was_no_daemon_is_acted_on(service: Service) -> None:
    names = ("killed", "failed", "off", "again")
    config = service.config(*names)
    again = replace(config.guests["again"], restart=restart("on-failure"))
    service.up(replace(config, guests={**config.guests, "again": again}))
    before = service.rows()
    service.kill()
    for name in ("killed", "again"):
        os.kill(before[name]["pid"], signal.SIGKILL)
    for name, typed in (("failed", b"f"), ("off", b"p")):
        with view(runtime_dir() / "c" / name) as viewer:
            read_until(viewer, b"ready\r\n")
            viewer.sendall(typed)
    eventually(lambda: not any(running(row["pid"]) for row in before.values()))
    eventually(lambda: service.rows()["again"]["state"] == "ready")
    rows = service.rows()
    assert {name: row["state"] for name, row in rows.items()} == {
        "killed": "failed",
        "failed": "failed",
        "off": "stopped",
        "again": "ready",
    }
    assert "code 3" in rows["failed"]["reason"]


def test_a_daemon_that_was_killed_in_the_middle_of_up(service: Service) -> None:
    """Whatever had been started is found again, written down or not, and nothing runs twice."""
    daemon.spawn()
    config = msgspec.to_builtins(service.config("a", "b", "d", "e"))
    with Client(control_socket(), 60) as client:
        stream = client.stream("up", cluster=config)
        for event in stream:
            if event.get("stage") == "image":
                break
        service.kill()
    service.up(service.config("a", "b", "d", "e"))
    rows = service.rows()
    assert {row["state"] for row in rows.values()} == {"ready"}
    folders = [str(runtime_dir() / "c" / name) for name in rows]
    assert sorted(pid for folder in folders for pid in vkernels(folder)) == sorted(row["pid"] for row in rows.values())


def vkernels(folder: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"vkd.vkernel" in words and folder.encode() in words:
                found.append(int(entry.name))
    return found


def test_a_failure_has_its_reason_and_the_console(service: Service) -> None:
    service.up(service.config("a"))
    with view(runtime_dir() / "c" / "a") as viewer:
        read_until(viewer, b"ready\r\n")
        viewer.sendall(b"good bye f")
    eventually(lambda: bool(service.rows()["a"]["state"] == "failed"))
    inspection = service.call("inspect", guest="a")
    assert "code 3" in inspection["row"]["reason"]
    assert "good bye" in inspection["machine"]["console_tail"]
    with Client(control_socket(), 60) as client:
        failed = [event for event in client.stream("events") if event.get("state") == "failed"]
    assert "good bye" in failed[-1]["detail"]


def test_a_guest_is_profiled_and_its_load_shown(service: Service) -> None:
    service.up(service.config("a", "b"))
    with view(runtime_dir() / "c" / "a") as viewer:
        read_until(viewer, b"ready\r\n")
        viewer.sendall(b"s")  # it spins
        before = {row["name"]: msgspec.convert(row, Load) for row in service.call("top")}
        profile = Profile(hz=500)
        with Client(control_socket(), 60) as client:
            stream = client.stream("profile", guest="a", hz=500, seconds=1.0)
            profile.add(msgspec.convert(next(stream), Batch))
            with pytest.raises(ControlError, match="profiled already"):
                service.call("profile", guest="a", hz=500, seconds=1.0)
            for batch in stream:
                profile.add(msgspec.convert(batch, Batch))
        after = {row["name"]: msgspec.convert(row, Load) for row in service.call("top")}
    assert profile.harts == 1
    spinning = Counter(sample.pc for sample in profile.samples if sample.hart == 0).most_common(1)
    assert spinning[0][1] >= 20
    found = rates(before["a"], after["a"])
    assert found is not None
    assert found.instructions > 100_000
    assert found.cpu > 0.05
    with pytest.raises(ControlError, match="there can be 1 to 10000"):
        service.call("profile", guest="a", hz=0, seconds=1.0)
    # Who hangs up ends the profile, so that the next can begin.
    with Client(control_socket(), 60) as client:
        next(client.stream("profile", guest="b", hz=100))

    def begins() -> bool:
        try:
            return service.call("profile", guest="b", hz=100, seconds=0.1) is None
        except ControlError:
            return False

    eventually(begins)


def test_errors_cross_the_socket_with_code_and_hint(service: Service) -> None:
    service.up(service.config("web"))
    for op, arguments, code, hint in (
        ("inspect", {"guest": "wep"}, "not-found", "did you mean 'web'?"),
        ("ssh", {"guest": "web"}, "failed", "set gateway = true"),
        ("inspect", {"guest": 7}, "invalid", ""),
        ("up", {"cluster": {"name": "c"}}, "invalid", ""),
        ("down", {"cluster": "nothing"}, "not-found", ""),
        ("events", {"cluster": "nothing"}, "not-found", "there are: c"),
    ):
        with pytest.raises(ControlError) as caught:
            service.call(op, **arguments)
        assert caught.value.code == code
        assert hint in (caught.value.hint or "")
    assert service.rows()["web"]["state"] == "ready"


def test_a_missing_kernel_is_said_and_nothing_started(service: Service) -> None:
    with pytest.raises(ControlError, match="guest a: the kernel /nowhere/Image does not exist"):
        service.up(service.config("a", "b", kernel="/nowhere/Image"))
    assert service.rows() == {}


def test_a_folder_that_cannot_be_made_is_named(service: Service) -> None:
    config = service.config("a")
    runtime_dir().mkdir(mode=0o700, parents=True, exist_ok=True)
    (runtime_dir() / config.name).touch()
    message = f"cannot make the folder .*{config.name}: (Not a directory|File exists)"
    with pytest.raises(ControlError, match=message) as caught:
        service.up(config)
    assert caught.value.code == "host-lacks"
    (runtime_dir() / config.name).unlink()
    service.up(config)
    assert service.rows()["a"]["state"] == "ready"


def test_a_second_daemon_refuses_and_names_the_first(service: Service) -> None:
    service.up(service.config("a"))
    pid = service.call("ping")["pid"]
    second = subprocess.run(
        python.argv("vkd.daemon"), capture_output=True, text=True, env=python.environment(), timeout=30, check=False
    )
    assert second.returncode == 1
    assert f"pid {pid}" in second.stderr
    assert "Traceback" not in second.stderr


def test_spawn_tells_why_the_daemon_does_not_start(service: Service) -> None:
    state_dir().mkdir(mode=0o700)
    store = state_dir() / "vkd.db"
    store.write_bytes(b"this is no database\n" * 100)
    with pytest.raises(Exception, match="is damaged") as caught:
        daemon.spawn()
    assert "mv" in (getattr(caught.value, "hint", "") or "")
    assert store.read_bytes().startswith(b"this is no database")
    store.unlink()


def test_two_spawns_at_once_give_one_daemon(service: Service) -> None:
    code = (
        "from vkd import daemon; from vether.control.client import Client; from vkd.paths import control_socket;"
        "daemon.spawn(); import json; print(json.dumps(Client(control_socket()).call('ping')['pid']))"
    )
    several = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=python.environment())
        for _ in range(4)
    ]
    pids = {json.loads(one.communicate(timeout=60)[0]) for one in several}
    assert len(pids) == 1
