"""What lists and reports print: tables, JSON, logs, events, doctor, validate, images."""

import json
import subprocess
import threading
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.cli.conftest import Vkd
from tests.unit.cli.fake import FakeDaemon, row
from vkd.api import Event
from vkd.cli import checks
from vkd.cli.checks import Check
from vkd.cli.logs import follow_log, read_log
from vkd.cli.output import human_size, human_time, printable
from vkd.paths import runtime_dir
from vkd.vkernel.spec import SPEC, Spec, write_atomically


def test_ps_is_a_table_without_empty_columns(vkd: Vkd, daemon: FakeDaemon) -> None:
    lines = vkd("ps").out.splitlines()
    assert " ".join(lines[0].split()) == "CLUSTER NAME STATE STAGE UP CPUS MEMORY ADDRESS SSH RESTARTS"
    assert lines[2].split() == ["demo", "b", "ready", "ssh", "-", "1", "128", "MiB", "10.77.0.11", "2202", "2"]


def test_ps_without_guests_has_the_usual_head(vkd: Vkd, daemon: FakeDaemon) -> None:
    daemon.rows.clear()
    assert vkd("ps").out.split() == ["CLUSTER", "NAME", "STATE", "STAGE", "UP", "CPUS", "MEMORY", "ADDRESS", "SSH"]


def test_ps_json_has_every_field(vkd: Vkd, daemon: FakeDaemon) -> None:
    daemon.rows.append(row("c", state="stopped"))
    found = json.loads(vkd("ps", "--json").out)
    assert [(one["name"], one["state"]) for one in found] == [("a", "ready"), ("b", "ready")]
    assert found[0]["memory"] == 128 << 20
    assert len(json.loads(vkd("ps", "-a", "--json").out)) == 3


def test_no_colour_where_there_is_no_terminal(vkd: Vkd, daemon: FakeDaemon) -> None:
    for command in (["ps"], ["--help"], ["events"], ["inspect", "a"], ["doctor"], ["up", "--help"]):
        result = vkd(*command)
        assert "\x1b" not in result.out + result.err


def test_inspect_is_json(vkd: Vkd, daemon: FakeDaemon) -> None:
    assert json.loads(vkd("inspect", "a").out)["row"]["ssh_port"] == 2201


def test_start_and_stop(vkd: Vkd, daemon: FakeDaemon) -> None:
    assert vkd("stop", "a", "demo/b").code == 0
    assert daemon.calls[-1] == ("stop", {"guests": ["a", "demo/b"]})
    daemon.rows[0].state, daemon.rows[0].reason = "failed", "no progress for 60 s"
    result = vkd("start", "a", "b")
    assert result.code == 1
    assert "guest a failed: no progress for 60 s" in result.err
    assert vkd("stop", "a").code == 0


def test_down_ends_a_daemon_that_is_not_needed_any_more(vkd: Vkd, daemon: FakeDaemon) -> None:
    assert vkd("down").out == "demo is down\n"
    assert "shutdown" not in [op for op, _ in daemon.calls]
    daemon.rows.clear()
    process = subprocess.Popen(["sleep", "60"])

    def ping(_args: dict[str, Any]) -> Generator[Event, None, dict[str, object]]:
        yield from ()
        return {"version": "0", "pid": process.pid, "on_demand": True}

    def shutdown(_args: dict[str, Any]) -> Generator[Event, None, None]:
        yield from ()
        process.terminate()
        process.wait()

    daemon.scripts.update(ping=ping, shutdown=shutdown)
    assert json.loads(vkd("down", "--json").out) == {"clusters": ["demo"]}
    assert daemon.calls[-1][0] == "shutdown"
    assert process.returncode is not None


def test_events_are_lines_or_json_lines(vkd: Vkd, daemon: FakeDaemon) -> None:
    def play(args: dict[str, Any]) -> Generator[Event, None, None]:
        assert args == {"cluster": "demo", "follow": True}
        yield Event(time=1.5, kind="stage", cluster="demo", guest="a", stage="kernel")
        yield Event(time=2.0, kind="state", cluster="demo", guest="a", state="failed", reason="panic\x1b[2J")
        yield Event(time=3.0, kind="progress", what="initrd", done=1 << 20, total=2 << 20)

    daemon.scripts["events"] = play
    lines = vkd("events", "demo", "-f").out.splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == [
        "demo/a stage kernel",
        "demo/a state failed: panic\N{REPLACEMENT CHARACTER}[2J",
        "- progress initrd 1 MiB of 2 MiB",
    ]
    found = [json.loads(line) for line in vkd("events", "demo", "-f", "--json").out.splitlines()]
    assert found[0] == {"time": 1.5, "kind": "stage", "cluster": "demo", "guest": "a", "stage": "kernel"}


def test_logs_ask_nothing_of_a_terminal(vkd: Vkd, daemon: FakeDaemon, tmp_path: Path) -> None:
    (tmp_path / "console.log").write_bytes(b"\x1b[6na:/# \x1b[31mred\x1b[m\n")
    assert vkd("logs", "a").out == "a:/# \x1b[31mred\x1b[m\n"


def test_down_all_names_guests_with_their_clusters(vkd: Vkd, daemon: FakeDaemon) -> None:
    def down(_args: dict[str, Any]) -> Generator[Event, None, dict[str, list[str]]]:
        yield Event(time=1.0, kind="state", cluster="demo", guest="a", state="stopped")
        return {"clusters": ["demo"]}

    daemon.scripts["down"] = down
    assert vkd("down", "--all").out == "demo/a: stopped (0.0 s)\ndemo is down\n"
    assert vkd("down").out == "a: stopped (0.0 s)\ndemo is down\n"


def test_logs(vkd: Vkd, daemon: FakeDaemon, tmp_path: Path) -> None:
    (tmp_path / "console.log.1").write_bytes(b"one\ntwo\n")
    (tmp_path / "console.log").write_bytes(b"three\n\xfffour")
    assert vkd("logs", "a").out.startswith("one\ntwo\nthree\n")
    assert b"".join(read_log(tmp_path / "console.log", 3)) == b"two\nthree\n\xfffour"
    assert b"".join(read_log(tmp_path / "console.log", 0)) == b""
    assert b"".join(read_log(tmp_path / "console.log", 99)) == b"one\ntwo\nthree\n\xfffour"
    assert b"".join(read_log(tmp_path / "none", None)) == b""


def test_following_a_log_goes_on_when_it_is_cut_and_ends_when_it_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "console.log"
    path.write_bytes(b"before\n")
    got: list[bytes] = []
    thread = threading.Thread(target=lambda: got.extend(follow_log(path)))
    thread.start()
    for text in (b"one\n", b"two\n"):
        time.sleep(0.3)
        with path.open("ab") as file:
            file.write(text)
    time.sleep(0.3)
    path.rename(tmp_path / "console.log.1")
    path.write_bytes(b"three\n")
    time.sleep(0.5)
    path.unlink()
    thread.join(5)
    assert not thread.is_alive()
    assert b"".join(got) == b"one\ntwo\nthree\n"


def test_doctor_is_5_only_for_what_is_needed(vkd: Vkd, monkeypatch: pytest.MonkeyPatch) -> None:
    def fine() -> Check:
        return Check("fine", "ok", "there")

    def odd() -> Check:
        return Check("odd", "warning", "not there", "install it")

    def broken() -> Check:
        raise OSError("cannot look")

    monkeypatch.setattr(checks, "_CHECKS", (fine, odd))
    result = vkd("doctor")
    assert (result.code, result.err) == (0, "")
    assert "install it" in result.out
    monkeypatch.setattr(checks, "_CHECKS", (fine, broken))
    result = vkd("doctor", "--json")
    assert result.code == 5
    assert [one["status"] for one in json.loads(result.out)] == ["ok", "missing"]


def test_doctor_finds_what_is_not_there(vkd: Vkd, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("VKD_RUNTIME_DIR", str(tmp_path / ("x" * 120)))
    found = {one["name"]: one for one in json.loads(vkd("doctor", "--json").out)}
    assert found["ssh"]["status"] == "missing"
    assert found["package signatures"]["hint"] == "install gpgv"
    assert "too long for unix sockets" in found["runtime folder"]["detail"]
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(("reason", "status"), [(None, "ok"), ("no BMI2", "warning")])
def test_doctor_says_whether_guest_code_can_be_translated(
    vkd: Vkd, monkeypatch: pytest.MonkeyPatch, reason: str | None, status: str
) -> None:
    monkeypatch.setattr("vkd._native.translator", lambda: reason)
    found = {one["name"]: one for one in json.loads(vkd("doctor", "--json").out)}["translator"]
    assert found["status"] == status
    assert reason is None or found["detail"] == f"guests are interpreted: {reason}"


@pytest.mark.parametrize(("reason", "status"), [(None, "ok"), ("vm.max_map_count is 1000", "warning")])
def test_doctor_says_whether_there_are_windows(
    vkd: Vkd, monkeypatch: pytest.MonkeyPatch, reason: str | None, status: str
) -> None:
    monkeypatch.setattr("vkd._native.windows", lambda: reason)
    found = {one["name"]: one for one in json.loads(vkd("doctor", "--json").out)}["windows"]
    assert found["status"] == status
    assert reason is None or (reason in found["detail"] and "sysctl" in found["hint"])


@pytest.mark.parametrize(("groups", "status"), [("0\t2147483647\n", "ok"), ("1\t0\n", "warning"), ("", "warning")])
def test_doctor_says_whether_guests_can_ping(
    vkd: Vkd, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, groups: str, status: str
) -> None:
    (tmp_path / "range").write_text(groups)
    monkeypatch.setattr(checks, "_PING_GROUPS", tmp_path / "range")
    found = {one["name"]: one for one in json.loads(vkd("doctor", "--json").out)}["ping"]
    assert found["status"] == status
    assert status == "ok" or not groups or "sysctl net.ipv4.ping_group_range" in found["hint"]


def test_validate(vkd: Vkd, tmp_path: Path) -> None:
    path = tmp_path / "lab.toml"
    path.write_text("[guests.a]\n")
    assert vkd("validate", str(path)).out == f"{path}: valid: cluster lab, 1 guest, 1 network\n"
    assert json.loads(vkd("validate", str(path), "--json").out)["cluster"]["guests"]["a"]["memory"] == 128 << 20
    path.write_text("[guests.a]\ncpus = 0\n")
    result = vkd("validate", str(path))
    assert result.code == 2
    assert result.err == f"{path}:2: guests.a.cpus: 0 is not allowed; allowed: a whole number from 1 to 64\n"
    result = vkd("validate", str(path), "--json")
    assert result.code == 2
    assert json.loads(result.out)["problems"][0]["line"] == 2
    assert vkd("validate", str(tmp_path / "none")).code == 2


def test_validate_and_up_warn_of_a_card_that_the_gateway_is_kept_from(vkd: Vkd, tmp_path: Path) -> None:
    path = tmp_path / "lab.toml"
    path.write_text("[networks.lan]\n[guests.a]\n[[guests.a.nics]]\nnetwork = 'lan'\nvlan.access = 7\n")
    told = f"{path}:5: warning: guests.a.nics[0].vlan: "
    for command in (("validate",), ("up", "--dry-run")):
        result = vkd(*command, str(path))
        assert result.code == 0
        assert result.err.startswith(told)
        assert "networks.lan.gateway_vlan = 7" in result.err
    result = vkd("validate", str(path), "--json")
    assert ([one["line"] for one in json.loads(result.out)["warnings"]], result.err) == ([5], "")
    path.write_text(path.read_text().replace("[networks.lan]", "[networks.lan]\ngateway_vlan = 7"))
    assert vkd("validate", str(path)).err == ""


def test_schema_is_json(vkd: Vkd) -> None:
    assert "ClusterTable" in json.loads(vkd("schema").out)["$defs"]


def test_images_that_guests_use_stay(vkd: Vkd, tmp_path: Path) -> None:
    images = tmp_path / "cache/vkd/images/tiny"
    for build in ("old", "used"):
        (images / build).mkdir(parents=True)
        (images / build / "kernel").write_bytes(b"x" * 100)
    guest = runtime_dir() / "demo/a"
    guest.mkdir(parents=True)
    kernel = str(images / "used/kernel")
    write_atomically(guest / SPEC, Spec(cluster="demo", name="a", memory=1 << 20, cpus=1, kernel=kernel))
    assert vkd("image", "prune").out == "100 B freed\n"
    assert (images / "used/kernel").exists()
    result = vkd("image", "rm", "tiny")
    assert result.code == 1
    assert "the image tiny is used by demo/a" in result.err
    (guest / SPEC).unlink()
    assert vkd("image", "rm", "tiny").code == 0


def test_images(vkd: Vkd) -> None:
    assert json.loads(vkd("image", "ls", "--json").out) == []
    assert vkd("image", "rm", "tiny").code == 3
    assert vkd("image", "prune").out == "0 B freed\n"
    result = vkd("image", "build", "tny")
    assert result.code == 3
    assert "'tiny'" in result.err


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (128 << 20, "128 MiB"), (5 << 40, "5 TiB")]
)
def test_sizes_for_people(size: int, text: str) -> None:
    assert human_size(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0s"), (61, "1m01s"), (3700, "1h01m"), (90000, "1d01h"), (-5, "0s")]
)
def test_times_for_people(seconds: float, text: str) -> None:
    assert human_time(seconds) == text


@given(st.text())
def test_nothing_printed_takes_over_a_terminal(text: str) -> None:
    assert not [char for char in printable(text) if (ord(char) < 32 and char not in "\n\t") or 127 <= ord(char) < 160]
