"""Which host this machine is, and its key."""

import socket
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Vkd
from vether import keys
from vkd.paths import host_key_file


@pytest.fixture
def file(vkd: Vkd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a file for the hosts one, which has this machine's key, and two."""
    monkeypatch.delenv("VKD_HOST", raising=False)
    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere.example")
    ours = vkd("key").out.strip()
    path = tmp_path / "cluster.toml"
    text = "name = 'lab'\n[networks.lan]\n"
    for name, key in (("one", ours), ("two", keys.encode(keys.public(bytes([7] * 32))))):
        text += f"[hosts.{name}]\naddress = '{name}.example'\npublic_key = '{key}'\n"
        text += f"[guests.{name}-guest]\nhost = '{name}'\n"
    path.write_text(text)
    return path


def test_the_key_is_made_once_and_is_private(vkd: Vkd, tmp_path: Path) -> None:
    first = vkd("key")
    assert (first.code, vkd("key").out) == (0, first.out)
    assert host_key_file().stat().st_mode & 0o777 == 0o600
    assert keys.encode(keys.public(keys.read(host_key_file()))) == first.out.strip()
    assert vkd("key", str(tmp_path / "other")).out != first.out
    (tmp_path / "bad").write_text("x")
    assert vkd("key", str(tmp_path / "bad")).code == 2


def test_a_machine_that_is_none_of_the_hosts_is_asked_which(vkd: Vkd, file: Path) -> None:
    result = vkd("up", "-n")
    assert result.code == 2
    assert "is for the hosts one, two, and this machine, elsewhere.example, is none of them" in result.err
    assert "--host NAME" in result.err


def test_the_option_the_variable_and_the_machines_name_say_it(
    vkd: Vkd, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = "+ network lan\n+ guest one-guest\n"
    assert vkd("up", "-n", "--host", "one").out == expected
    monkeypatch.setattr(socket, "gethostname", lambda: "ONE.example")
    assert vkd("up", "-n").out == expected
    monkeypatch.setenv("VKD_HOST", "three")
    assert "has no host 'three'" in vkd("up", "-n").err
    assert vkd("up", "-n", "--host", "one").out == expected
    monkeypatch.setenv("VKD_HOST", "one")
    assert vkd("up", "-n").out == expected


def test_another_hosts_key_is_not_taken_for_ours(vkd: Vkd, file: Path) -> None:
    result = vkd("up", "-n", "--host", "two")
    assert result.code == 2
    assert "hosts.two.public_key: the key of this host" in result.err
    host_key_file().unlink()
    result = vkd("up", "-n", "--host", "one")
    assert result.code == 5
    assert "make one with `vkd key`" in result.err


def test_validate_takes_the_file_of_any_machine(vkd: Vkd, file: Path) -> None:
    assert vkd("validate").out == "cluster.toml: valid: cluster lab, 2 guests, 1 network\n"
    assert vkd("validate", "--host", "one").out == "cluster.toml: valid: cluster lab on host one, 1 guest, 1 network\n"


def test_a_file_without_hosts_needs_none(vkd: Vkd, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("name = 'lab'\n[guests.a]\n")
    monkeypatch.setenv("VKD_HOST", "one")
    assert vkd("up", "-n").code == 0
    assert "it has no [hosts] at all" in vkd("up", "-n", "--host", "one").err
