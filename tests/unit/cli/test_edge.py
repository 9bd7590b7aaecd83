"""Exit codes, hints, and no traceback whatever happens."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Vkd
from tests.unit.cli.fake import FakeDaemon
from vkd.cli import client
from vkd.cli.app import COMMANDS
from vkd.errors import HostLacksError, ImageError, NotFoundError, TimeoutExpired, VkdError

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["ps", "--nonsense"], ["ssh"], ["up", "--timeout", "x"], ["completion", "tcsh"]]
)
def test_wrong_usage_is_2(vkd: Vkd, arguments: list[str]) -> None:
    result = vkd(*arguments)
    assert result.code == 2
    assert result.out == ""
    assert "Error: " in result.err


def test_a_command_that_is_not_there_gets_the_nearest_name(vkd: Vkd) -> None:
    assert "did you mean 'restart'?" in vkd("restrat").err


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(vkd: Vkd, name: str) -> None:
    result = vkd(name, "--help")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith(f"Usage: vkd {name}")


def test_help_lists_every_command_with_a_line(vkd: Vkd) -> None:
    out = vkd("--help").out
    for name in COMMANDS:
        assert any(len(line.split()) > 2 for line in out.splitlines() if line.startswith(f"  {name} ")), name


@pytest.mark.parametrize(
    ("error", "code"), [(VkdError, 1), (ImageError, 1), (NotFoundError, 3), (TimeoutExpired, 4), (HostLacksError, 5)]
)
def test_errors_of_the_daemon_keep_their_exit_codes(
    vkd: Vkd, daemon: FakeDaemon, error: type[VkdError], code: int
) -> None:
    def fail(_args: object) -> object:
        raise error("it went wrong", hint="try otherwise")

    daemon.scripts["ps"] = fail  # type: ignore[assignment]
    result = vkd("ps")
    assert (result.code, result.out) == (code, "")
    assert result.err == "vkd: it went wrong\n  hint: try otherwise\n"


@pytest.mark.parametrize("command", ["ssh", "exec", "console", "logs", "inspect", "start", "stop", "restart"])
def test_an_unknown_guest_is_3_with_the_nearest_name(vkd: Vkd, daemon: FakeDaemon, command: str) -> None:
    daemon.rows[0].name = "web1"
    result = vkd(command, "wbe1", *(["--", "true"] if command == "exec" else []))
    assert result.code == 3
    assert result.err == "vkd: no guest 'wbe1'\n  hint: did you mean 'web1'?\n"


@pytest.mark.parametrize("arguments", [["ssh", "a"], ["inspect", "a"], ["start", "a"], ["logs", "a"], ["down", "x"]])
def test_without_a_daemon_there_is_no_guest(vkd: Vkd, arguments: list[str]) -> None:
    result = vkd(*arguments)
    assert result.code == 3
    assert "no cluster runs" in result.err


def test_without_a_daemon_lists_are_empty(vkd: Vkd) -> None:
    assert vkd("ps", "--json").out == "[]\n"
    assert vkd("events").code == 0
    assert vkd("down").out == "no cluster runs\n"
    assert vkd("ssh-config").out == ""


@pytest.mark.parametrize("command", ["ps", "events", "top", "down"])
def test_without_a_daemon_there_is_no_cluster(vkd: Vkd, command: str) -> None:
    result = vkd(command, "nope")
    assert (result.code, result.out) == (3, "")
    assert result.err.startswith("vkd: no cluster 'nope'\n")


def test_a_file_that_cannot_be_read_is_told_by_vkd(vkd: Vkd) -> None:
    result = vkd("up", "nofile.toml")
    assert result.code == 2
    assert result.err.startswith("vkd: cannot read the cluster file: No such file or directory: nofile.toml\n")


def test_the_unexpected_is_one_line_and_a_traceback_on_demand(vkd: Vkd, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("first line\nsecond line")

    monkeypatch.setattr(client, "connect", broken)
    result = vkd("ps")
    assert result.code == 1
    assert (
        result.err == "vkd: unexpected: RuntimeError: first line\n  hint: VKD_DEBUG=1 shows where; please report it\n"
    )
    monkeypatch.setenv("VKD_DEBUG", "1")
    assert "Traceback" in vkd("ps").err


def test_a_daemon_that_hangs_up_is_told(vkd: Vkd, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vether.control.client.Client._receive", _hang_up)
    result = vkd("ps")
    assert result.code == 1
    assert "lost the daemon" in result.err


def _hang_up(_self: object) -> None:
    raise ConnectionResetError("closed")


def test_a_reader_that_has_enough_is_no_error() -> None:
    line = f"{sys.executable} -m vkd.cli --help | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.returncode in {0, 1}


HEAVY = "trio rich cryptography asyncio ssl sqlite3 tomllib importlib.metadata vkd.config vkd.images"


def test_ps_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['vkd', 'ps']\n"
        "from vkd.cli import main; assert main() == 0\n"
        f"print([name for name in {HEAVY!r}.split() if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
