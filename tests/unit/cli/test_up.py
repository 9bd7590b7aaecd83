"""`vkd up` against a daemon that plays scripts: lines, JSON, failures, time-outs, dry runs."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.conftest import Vkd
from tests.unit.cli.fake import FakeDaemon, row
from vkd.api import Event, Stage, State, UpResult
from vkd.config import Changes, diff, load
from vkd.errors import TimeoutExpired

ROOT = Path(__file__).parents[3]
FILE = "name = 'demo'\n[guests.a]\n[guests.b]\n"


def stage(at: float, guest: str, name: Stage) -> Event:
    return Event(time=at, kind="stage", cluster="demo", guest=guest, stage=name)


def state(at: float, guest: str, name: State, **fields: str) -> Event:
    return Event(time=at, kind="state", cluster="demo", guest=guest, state=name, **fields)  # type: ignore[arg-type]


def boot(_args: dict[str, Any]) -> Generator[Event, None, UpResult]:
    mib = 1 << 20
    yield Event(time=100.0, kind="progress", what="linux-image", done=0, total=30 * mib)
    yield Event(time=101.0, kind="progress", what="linux-image", done=10 * mib, total=30 * mib)
    yield Event(time=106.0, kind="progress", what="linux-image", done=20 * mib, total=30 * mib)
    yield Event(time=107.0, kind="progress", what="linux-image", done=30 * mib, total=30 * mib)
    yield state(107.0, "a", "starting")
    yield stage(108.5, "a", "kernel")
    yield stage(110.0, "a", "ssh")
    yield state(110.0, "a", "ready")
    return UpResult(changes={"added": ["a"]}, guests=[row("a", ssh_port=2201)])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "cluster.toml"
    path.write_text(FILE)
    return path


def test_up_shows_plain_lines_where_there_is_no_terminal(vkd: Vkd, daemon: FakeDaemon, file: Path) -> None:
    daemon.scripts["up"] = boot
    result = vkd("up")
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines() == [
        "linux-image: 0 B of 30 MiB",
        "linux-image: 20 MiB of 30 MiB",
        "linux-image: 30 MiB of 30 MiB",
        "a: starting (7.0 s)",
        "a: kernel (8.5 s)",
        "a: ssh (10.0 s)",
        "a: ready (10.0 s)",
        "ready: a",
        "log in: vkd ssh a",
    ]


def test_up_sends_the_resolved_cluster(vkd: Vkd, daemon: FakeDaemon, file: Path) -> None:
    vkd("up", file.name, "--timeout", "7", "--no-wait")
    args = dict(daemon.calls)["up"]
    assert list(args["cluster"]["guests"]) == ["a", "b"]
    assert (args["source"], args["timeout"], args["wait"], args["dry_run"]) == (str(file), 7.0, False, False)


def test_up_that_changes_nothing_says_so(vkd: Vkd, daemon: FakeDaemon, file: Path) -> None:
    out = vkd("up").out
    assert out.splitlines() == ["nothing to change", "ready: a, b", "log in: vkd ssh a"]


def test_up_names_the_guests_that_it_started(vkd: Vkd, daemon: FakeDaemon, file: Path) -> None:
    daemon.rows[1].state = "stopped"
    assert vkd("up", "--dry-run").out == "~ guest b: (start)\n"

    def start(_args: dict[str, Any]) -> Generator[Event, None, UpResult]:
        yield state(1.0, "b", "ready")
        return UpResult(changes={}, guests=[row("a"), row("b")])

    daemon.scripts["up"] = start
    assert vkd("up").out.splitlines() == ["b: ready (0.0 s)", "started: b", "ready: a, b"]


def test_json_is_one_document_and_nothing_else(vkd: Vkd, daemon: FakeDaemon, file: Path) -> None:
    daemon.scripts["up"] = boot
    document = json.loads(vkd("up", "--json").out)
    assert document["changes"] == {"added": ["a"]}
    assert document["guests"][0]["ssh_port"] == 2201


def test_a_failed_boot_is_1_with_the_reason_and_the_end_of_the_console(
    vkd: Vkd, daemon: FakeDaemon, file: Path
) -> None:
    def fail(_args: dict[str, Any]) -> Generator[Event, None, UpResult]:
        yield state(1.0, "a", "starting")
        yield state(
            2.0, "a", "failed", reason="kernel panic", detail="VFS: no root\x1b[31m\nKernel panic - not syncing\n"
        )
        return UpResult(changes={}, guests=[row("a", state="failed", reason="kernel panic"), row("b")])

    daemon.scripts["up"] = fail
    result = vkd("up")
    assert result.code == 1
    assert result.err.splitlines() == [
        "vkd: guest a failed: kernel panic",
        "  | VFS: no root\N{REPLACEMENT CHARACTER}[31m",
        "  | Kernel panic - not syncing",
        "  hint: vkd logs a; vkd start a tries again",
    ]
    assert "\x1b" not in result.out


def test_a_wait_that_takes_too_long_is_4(vkd: Vkd, daemon: FakeDaemon, file: Path) -> None:
    def slow(_args: dict[str, Any]) -> Generator[Event, None, UpResult]:
        yield state(1.0, "a", "starting")
        raise TimeoutExpired("after 5 s not yet ready: a")

    daemon.scripts["up"] = slow
    result = vkd("up", "--timeout", "5")
    assert (result.code, result.err) == (4, "vkd: after 5 s not yet ready: a\n")


def test_a_dry_run_without_a_daemon_starts_none(vkd: Vkd, file: Path) -> None:
    result = vkd("up", "--dry-run")
    assert (result.code, result.out) == (0, "+ network lan\n+ guest a\n+ guest b\n")
    assert not Path(os.environ["VKD_RUNTIME_DIR"]).exists()


def test_a_dry_run_asks_the_daemon_for_the_difference(vkd: Vkd, daemon: FakeDaemon, file: Path) -> None:
    before = load(file).cluster
    file.write_text("name='demo'\n[networks.lan]\nmtu=9000\n[guests.b]\nmemory='64M'\n[guests.c]\n")
    changes = diff(before, load(file).cluster)

    def dry(args: dict[str, Any]) -> Generator[Event, None, dict[str, Changes]]:
        assert args["dry_run"] is True
        yield from ()
        return {"changes": changes}

    daemon.scripts["up"] = dry
    out = vkd("up", "-n").out.splitlines()
    assert out[0] == "~ network lan: mtu"
    assert "+ guest c" in out
    assert "- guest a" in out
    assert any(line.startswith("~ guest b: memory") and line.endswith("(restart)") for line in out)
    assert json.loads(vkd("up", "-n", "--json").out)["removed"] == ["a"]


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("[guests.a]\ncpus = 0", 2, "cluster.toml:2: guests.a.cpus"),
        ("[guests.a]\nmemory = '1T'", 2, "cluster.toml:2: guests.a.memory: guest 'a' asks for"),
        ("[guests.a]\nkernel = 'gone'", 1, "cluster.toml:2: guests.a.kernel: there is no file"),
    ],
)
def test_a_wrong_file_starts_nothing(vkd: Vkd, file: Path, text: str, code: int, words: str) -> None:
    file.write_text(text)
    result = vkd("up")
    assert result.code == code
    assert result.err.startswith(words)
    assert not Path(os.environ["VKD_RUNTIME_DIR"]).exists()


def test_without_a_file_the_places_are_named(vkd: Vkd) -> None:
    result = vkd("up")
    assert result.code == 2
    assert "neither cluster.toml nor configs/cluster.toml" in result.err


def test_an_interrupt_leaves_the_cluster_and_says_how_to_go_on(daemon: FakeDaemon, file: Path) -> None:
    def forever(_args: dict[str, Any]) -> Generator[Event, None, UpResult]:
        yield state(1.0, "a", "starting")
        time.sleep(2)
        return UpResult(changes={}, guests=[])

    daemon.scripts["up"] = forever
    command = [sys.executable, "-m", "vkd.cli", "up", str(file)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("a: starting")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert f"vkd up {file}" in err
    assert "vkd down demo" in err
    assert "Traceback" not in err


def test_on_a_terminal_the_board_is_drawn(daemon: FakeDaemon, file: Path) -> None:
    daemon.scripts["up"] = boot
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "vkd.cli", "up", str(file)]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen(command, cwd=ROOT, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        while select.select([ours], [], [], 20)[0]:
            try:
                shown += os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
    os.close(ours)
    assert process.returncode == 0
    assert b"\x1b[" in shown
    plain = re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]", b"", shown).decode()
    assert "kernel 8.5s" in plain
    assert "ready 10.0s" in plain
    assert plain.rstrip().endswith("log in: vkd ssh a")
    assert shown.count(b"\x1b[?25l") == shown.count(b"\x1b[?25h"), "the cursor is shown again"
