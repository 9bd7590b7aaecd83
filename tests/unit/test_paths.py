"""The folders: where they are, and that one that others could write is refused."""

import os
from pathlib import Path

import pytest

from vkd import paths
from vkd.errors import HostLacksError


def test_where_the_runtime_folder_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VKD_RUNTIME_DIR", "/x")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/7")
    assert paths.runtime_dir() == Path("/x")
    monkeypatch.delenv("VKD_RUNTIME_DIR")
    assert paths.runtime_dir() == Path("/run/user/7/vkd")
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert paths.control_socket() == Path("/run/vkd/vkd.sock")
    monkeypatch.setattr(os, "geteuid", lambda: 1234)
    assert paths.guest_dir("demo", "a") == Path("/tmp/vkd-1234/demo/a")


def test_where_the_state_folder_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VKD_STATE_DIR", raising=False)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/home/u")
    assert paths.store_file() == Path("/home/u/.local/state/vkd/vkd.db")
    monkeypatch.setenv("XDG_STATE_HOME", "/s")
    assert paths.state_dir() == Path("/s/vkd")


def test_a_private_folder_is_made_private(tmp_path: Path) -> None:
    folder = paths.ensure_private(tmp_path / "a/b")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert paths.ensure_private(folder) == folder


def test_a_folder_that_others_can_write_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(HostLacksError, match="written by other users"):
        paths.ensure_private(tmp_path / "open")
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(HostLacksError, match="not a folder of this user"):
        paths.ensure_private(tmp_path / "link")
    (tmp_path / "file").touch()
    with pytest.raises(HostLacksError, match="cannot make"):
        paths.ensure_private(tmp_path / "file")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a folder away")
def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir(mode=0o700)
    os.chown(tmp_path / "theirs", 65534, 65534)
    with pytest.raises(HostLacksError, match="not a folder of this user"):
        paths.ensure_private(tmp_path / "theirs")


def test_a_path_too_long_for_sockets_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VKD_RUNTIME_DIR", str(tmp_path / ("x" * 100)))
    with pytest.raises(HostLacksError, match="too long for unix sockets"):
        paths.ensure_runtime_dir()
    paths.check_socket_room(Path("/" + "x" * (107 - len("/console.sock") - 1)))
    with pytest.raises(HostLacksError, match="by 1 bytes"):
        paths.check_socket_room(Path("/" + "x" * (108 - len("/console.sock") - 1)))


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("VKD_STATE_DIR", raising=False)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", nobody)
    with pytest.raises(HostLacksError, match="has no home folder") as caught:
        paths.state_dir()
    assert "VKD_STATE_DIR" in str(caught.value.hint)
