"""How ssh and scp are called: strict, with nothing of the user's, and with the guest's exit code."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Vkd
from tests.unit.cli.fake import FakeDaemon, row

STRICT = [
    "HostName=127.0.0.1",
    "Port=2201",
    "User=root",
    "HostKeyAlias=a.demo",
    'UserKnownHostsFile="/h"',
    "StrictHostKeyChecking=yes",
    'IdentityFile="/k k"',
    "IdentitiesOnly=yes",
    "ServerAliveInterval=5",
    "ServerAliveCountMax=3",
    "ConnectTimeout=30",
]


class Became(Exception):  # noqa: N818 - not an error: what exec would not return from
    """The process would have become this program."""


@pytest.fixture
def became(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    found: list[list[str]] = []

    def execv(_program: str, argv: list[str]) -> None:
        found.append(argv)
        raise Became

    monkeypatch.setattr("vkd.cli.ssh.os.execv", execv)
    return found


@pytest.mark.parametrize(
    ("arguments", "rest"),
    [
        (["ssh", "a"], ["a.demo"]),
        (["ssh", "a", "--", "uname", "-rm"], ["a.demo", "uname", "-rm"]),
        (["ssh", "a", "ls", "-l", "--", "x"], ["a.demo", "ls", "-l", "--", "x"]),
        (["ssh", "a", "--", "echo $HOME | wc"], ["a.demo", "echo $HOME | wc"]),
        (["exec", "a", "--", "sh", "-c", "echo $HOME  'x'"], ["-T", "a.demo", "sh -c 'echo $HOME  '\"'\"'x'\"'\"''"]),
        (["exec", "a", "true"], ["-T", "a.demo", "true"]),
    ],
)
def test_ssh_gets_strict_options_and_the_words(
    vkd: Vkd, daemon: FakeDaemon, became: list[list[str]], arguments: list[str], rest: list[str]
) -> None:
    vkd(*arguments)
    argv = became[0]
    assert argv[:3] == ["ssh", "-F", "none"]
    options = [argv[at + 1] for at, word in enumerate(argv) if word == "-o"]
    assert set(STRICT) <= set(options)
    assert argv[argv.index(options[-1]) + 1 :] == rest


@pytest.mark.parametrize("command", ["ssh", "exec"])
def test_an_option_of_ssh_is_no_guest(vkd: Vkd, daemon: FakeDaemon, command: str) -> None:
    result = vkd(command, "-t", "a", "--", "tty")
    assert result.code == 2
    assert "there is no option '-t'" in result.err
    assert "vkd ssh-config" in result.err


def test_exec_needs_a_program(vkd: Vkd, daemon: FakeDaemon) -> None:
    assert vkd("exec", "a").code == 2
    assert vkd("exec", "a", "--").code == 2


def test_without_ssh_the_host_lacks_something(
    vkd: Vkd, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = vkd("ssh", "a")
    assert result.code == 5
    assert "install openssh-client" in result.err


@pytest.fixture
def scp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a program `scp` in front that writes down its words and its configuration, and ends with code 7."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "scp"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > "$SCP_SAID"\ncat "$2" > "$SCP_SAID.config"\nexit 7\n')
    program.chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("SCP_SAID", str(tmp_path / "said"))
    return tmp_path / "said"


def test_cp_names_guests_by_aliases_and_passes_the_code(vkd: Vkd, daemon: FakeDaemon, scp: Path) -> None:
    result = vkd("cp", "-r", "here:now", "a:/etc/motd", "./odd:name", "demo/b:/tmp")
    assert result.code == 3  # `here` is no guest
    assert vkd("cp", "-r", "x", "a:/etc/motd", "./odd:name", "demo/b:/tmp").code == 7
    words = scp.read_text().splitlines()
    assert words[2:] == ["-3", "-r", "--", "./x", "guest-0:/etc/motd", "././odd:name", "guest-1:/tmp"]
    config = Path(f"{scp}.config").read_text()
    assert "Host guest-0\n    HostName 127.0.0.1\n    Port 2201\n" in config
    assert "Host guest-1\n    HostName 127.0.0.1\n    Port 2202\n" in config
    assert not Path(words[1]).exists()


@pytest.mark.parametrize("paths", [["x"], ["x", "y"], ["a:x"]])
def test_cp_needs_a_guest_and_two_places(vkd: Vkd, daemon: FakeDaemon, paths: list[str]) -> None:
    result = vkd("cp", *paths)
    assert result.code == 2
    assert "NAME:PATH" in result.err


@pytest.mark.skipif(shutil.which("ssh") is None, reason="no ssh")
def test_ssh_understands_the_printed_configuration(vkd: Vkd, daemon: FakeDaemon, tmp_path: Path) -> None:
    daemon.rows.append(row("a", cluster="other", ssh_port=2203))
    out = vkd("ssh-config").out
    hosts = [line for line in out.splitlines() if line.startswith("Host ")]
    assert hosts == ["Host a.demo", "Host b b.demo", "Host a.other"]
    config = tmp_path / "config"
    config.write_text(out)
    done = subprocess.run(["ssh", "-F", config, "-G", "b"], capture_output=True, text=True, check=True)
    resolved = dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)
    assert (resolved["hostname"], resolved["port"], resolved["stricthostkeychecking"]) == ("127.0.0.1", "2202", "true")
    assert (resolved["identityfile"], resolved["userknownhostsfile"]) in {("/k k", "/h"), ('"/k k"', "/h")}
    assert vkd("ssh-config", "b").out.startswith("Host b\n")
