"""Disks: what a guest writes is on the host, and a host without room is an I/O error in the guest."""

from __future__ import annotations

import contextlib
import re
import resource
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.lab import ROOT, Lab, open_lab
from vkd.images import Image

CLUSTER = """
[guests.a]
disks = ["data.img", "{small}/sparse.img", { path = "read.img", readonly = true }]
"""

_MB = 1 << 20
_ROOM = 6 * _MB


@dataclass(frozen=True)
class Disks:
    """A guest with vda: ext4, vdb: a sparse file that the host has no room for, vdc: read-only."""

    lab: Lab
    #: Lets the host have room, given the vkernel's pid.
    relieve: Callable[[int], None]
    #: Takes it away, given the vkernel's pid.
    limit: Callable[[int], None]


@pytest.fixture(scope="module")
def disks(image: Image) -> Iterator[Disks]:
    with open_lab() as lab, _little_room(lab.folder / "small") as (limit, relieve):
        _make_file(lab.folder / "data.img", 32 * _MB)
        _make_file(lab.folder / "small/sparse.img", 64 * _MB)
        _make_file(lab.folder / "read.img", _MB)
        lab.run("/sbin/mkfs.ext4", "-q", "-F", "data.img")
        lab.write(CLUSTER.replace("{small}", "small"))
        lab.vkd("up")
        yield Disks(lab, relieve, limit)
        lab.down()  # before the file system goes


def _make_file(path: Path, size: int) -> None:
    with path.open("wb") as file:
        file.truncate(size)


@contextlib.contextmanager
def _little_room(folder: Path) -> Iterator[tuple[Callable[[int], None], Callable[[int], None]]]:
    """Make a folder whose file system has little room; who may not mount one gets a limit on the size of files."""
    folder.mkdir()
    options = f"size={_ROOM},mode=0755"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "vkd-test", folder], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        unlimited = resource.RLIM_INFINITY

        def limit(pid: int) -> None:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (_ROOM, unlimited))

        def relieve(pid: int) -> None:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (unlimited, unlimited))

        yield limit, relieve
        return

    def grow(_pid: int) -> None:
        subprocess.run(["mount", "-o", f"remount,size={16 * _ROOM}", folder], check=True)

    try:
        yield (lambda _pid: None), grow
    finally:
        subprocess.run(["umount", folder], check=True)


def test_what_is_written_is_on_the_host(disks: Disks) -> None:
    lab = disks.lab
    lab.vkd("up")
    lab.ssh("a", "mount /dev/vda /mnt && seq 1 20000 >/mnt/numbers && mkdir /mnt/folder")
    lab.ssh("a", "poweroff", code=None)
    lab.until("a", "stopped")
    said = lab.run("/sbin/debugfs", "-R", "cat /numbers", "data.img").out
    assert said == "".join(f"{number}\n" for number in range(1, 20_001))
    lab.run("/sbin/e2fsck", "-f", "-n", "data.img")
    lab.vkd("start", "a")
    assert lab.ssh("a", "mount /dev/vda /mnt && wc -l </mnt/numbers; umount /mnt") == "20000"


def test_a_full_host_is_an_error_in_the_guest(disks: Disks) -> None:
    lab = disks.lab
    lab.vkd("up")
    pid = lab.pids()["a"]
    disks.limit(pid)
    lab.ssh("a", f"seq 1 200000 | head -c {_MB} >/tmp/data && dd if=/tmp/data of=/dev/vdb bs=64k conv=fsync")
    full = lab.vkd("ssh", "a", "--", "dd if=/dev/zero of=/dev/vdb bs=64k seek=16 count=512 conv=fsync", code=1)
    assert re.search("Input/output error|No space left", full.err)
    assert "I/O error, dev vdb" in lab.ssh("a", "dmesg")
    assert lab.pids()["a"] == pid
    again = f"head -c {_MB} /dev/vdb | cmp - /tmp/data && echo same"
    assert lab.ssh("a", f"echo 3 >/proc/sys/vm/drop_caches; {again}") == "same"
    disks.relieve(pid)
    lab.ssh("a", "dd if=/tmp/data of=/dev/vdb bs=64k seek=512 conv=fsync")
    assert (lab.folder / "small/sparse.img").read_bytes()[512 * 65536 :][: 1 << 16].startswith(b"1\n2\n3\n")
    assert lab.pids()["a"] == pid
    assert lab.row("a")["state"] == "ready"


def test_a_read_only_disk_stays_as_it_is(disks: Disks) -> None:
    lab = disks.lab
    lab.vkd("up")
    assert lab.ssh("a", "cat /sys/block/vdc/ro /sys/block/vdc/size") == f"1\n{_MB // 512}"
    assert lab.vkd("ssh", "a", "--", "echo no >/dev/vdc", code=None).code != 0
    assert not any((lab.folder / "read.img").read_bytes())
    assert (lab.folder / "read.img").stat().st_size == _MB


def test_the_words_of_the_example_work(disks: Disks) -> None:
    words = re.search(r"In the guest it is /dev/vda: (.*)", (ROOT / "configs/disk.toml").read_text())
    assert words is not None
    disks.lab.vkd("up")
    disks.lab.ssh("a", "umount /mnt", code=None)
    assert "/dev/vda on /mnt type ext4" in disks.lab.ssh("a", f"set -e; {words[1]}; mount")
