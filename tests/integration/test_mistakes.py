"""Wrong input and wrong circumstances: an exit code, the place, and what to do; and nothing left half-done."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import textwrap
from pathlib import Path

import pytest

from tests.integration.lab import Lab, wait_for
from vkd.images import Image

CASES = {
    "wrong key": ("[guests.a]\ncpu = 2\n", 2, ["cpu", "cpus"]),
    "wrong type": ('[guests.a]\ncpus = "two"\n', 2, ["cpus", "1 to 64"]),
    "out of range": ("\n[guests.a]\ncpus = 65\n", 3, ["cpus", "1 to 64"]),
    "wrong size": ('[guests.a]\nmemory = "lots"\n', 2, ["memory", "128M"]),
    "wrong choice": ('[guests.a]\nwait_for = "login"\n', 2, ["wait_for", "ssh"]),
    "duplicate name": ("[guests.a]\n[guests.b]\n[guests.a]\n", 3, ["'a'"]),
    "duplicate address": (
        """
        [networks.lan]
        subnet = "10.77.0.0/24"
        [[guests.a.nics]]
        network = "lan"
        address = "10.77.0.20"
        [[guests.b.nics]]
        network = "lan"
        address = "10.77.0.20"
        """,
        9,
        ["10.77.0.20", "a"],
    ),
    "unknown network": ('[networks.lan]\n[guests.a]\nnetworks = ["lam"]\n', 3, ["lam", "lan"]),
    "memory that the host lacks": ('[guests.a]\nmemory = "1T"\n', 2, ["1048576 MiB"]),
    "not TOML": ("[guests.a]\ncpus = \n", 2, ["TOML"]),
}


@pytest.mark.parametrize("case", CASES)
def test_a_wrong_file_names_its_line(lab: Lab, case: str) -> None:
    text, line, words = CASES[case]
    lab.write(textwrap.dedent(text))
    for command in (["up"], ["up", "--dry-run"], ["validate", "cluster.toml"]):
        done = lab.vkd(*command, code=2)
        assert f"cluster.toml:{line}: " in done.err
        for word in words:
            assert word in done.err
    lab.assert_nothing_left()


@pytest.mark.parametrize("key", ["kernel", "initrd", "firmware", "disk"])
def test_a_missing_file_is_named(lab: Lab, image: Image, key: str) -> None:
    lab.write(f'[guests.a]\nimage = "tiny"\n{key} = "nowhere/file"\n')
    done = lab.vkd("up", code=1)
    assert "cluster.toml:3: " in done.err
    assert "nowhere/file" in done.err
    lab.assert_nothing_left()


def test_a_file_that_is_no_kernel_is_named(lab: Lab) -> None:
    (lab.folder / "Image").write_bytes(b"\x7fELF" + bytes(100))
    lab.write('[guests.a]\nkernel = "Image"\nnetworks = []\n')
    done = lab.vkd("up", code=1)
    assert "guest a failed: " in done.err
    assert "Image" in done.err
    assert lab.row("a")["state"] == "failed"


def test_a_second_daemon_refuses(lab: Lab) -> None:
    first = lab.popen("daemon", stderr=subprocess.DEVNULL)
    try:
        wait_for((lab.runtime / "vkd.sock").exists, lab.processes)
        second = lab.vkd("daemon", code=1, limit=30)
        assert f"pid {first.pid}" in second.err
        assert lab.vkd("ps", "--json").out == "[]\n"
    finally:
        first.send_signal(signal.SIGTERM)
        assert first.wait(10) == 0
    lab.assert_nothing_left()


def test_an_interrupted_up_leaves_the_cluster(lab: Lab, image: Image) -> None:
    lab.write('[guests.a]\nwait_for = "init"\n')
    waiting = lab.popen("up", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for((lab.runtime / "lab/a/console.sock").exists, lab.processes)
    waiting.send_signal(signal.SIGINT)
    _, said = waiting.communicate(timeout=30)
    assert waiting.returncode == 130
    assert b"interrupted; the cluster lab stays as it is" in said
    assert b"vkd up " in said
    assert b"vkd down lab" in said
    pids = lab.pids()
    assert lab.row("a")["state"] in {"starting", "ready"}
    lab.vkd("up")
    assert lab.row("a")["state"] == "ready"
    assert lab.pids() == pids


def test_a_wait_that_is_too_short(lab: Lab, image: Image) -> None:
    lab.write("[guests.a]\n")
    done = lab.vkd("up", "--timeout", "0.5", code=4)
    assert "not yet ready: a" in done.err
    # On a loaded machine its switch may not even answer yet.
    assert lab.row("a")["state"] in {"stopped", "starting"}
    lab.until("a", "ready")


@pytest.fixture
def offline(lab: Lab) -> Lab:
    """A lab with an empty cache, and a mirror where nobody answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        closed = probe.getsockname()[1]
    lab.env["XDG_CACHE_HOME"] = str(lab.folder / "cache")
    lab.env["VKD_MIRROR"] = f"http://127.0.0.1:{closed}/debian"
    return lab


def _files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_no_network_on_the_first_run(offline: Lab) -> None:
    offline.write("[guests.a]\n")
    done = offline.vkd("up", code=1)
    assert "InRelease" in done.err
    assert offline.env["VKD_MIRROR"] in done.err
    assert "VKD_MIRROR=" in done.err
    offline.assert_nothing_left()
    assert _files(offline.folder / "cache") in ([], ["image-tiny"])  # at most the lock


def test_a_mirror_that_lies(offline: Lab) -> None:
    release = offline.folder / "mirror/dists/trixie/InRelease"
    release.parent.mkdir(parents=True)
    release.write_text("Origin: Debian\nSuite: stable\n")
    offline.env["VKD_MIRROR"] = f"file:{offline.folder}/mirror"
    offline.write("[guests.a]\n")
    done = offline.vkd("up", code=1)
    assert "InRelease" in done.err
    offline.assert_nothing_left()
    assert "InRelease" not in _files(offline.folder / "cache")


def test_a_cluster_that_is_not_there(lab: Lab) -> None:
    assert "no cluster runs" in lab.vkd("down", "nothing", code=3).err
    assert "neither cluster.toml nor" in lab.vkd("up", code=2).err
    assert "'pss'" in lab.vkd("pss", code=2).err
    with contextlib.suppress(FileNotFoundError):
        lab.runtime.rmdir()
    lab.assert_nothing_left()
