"""Programs of Debian's archive in a guest that test themselves: stress-ng with verification, python's test suite."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.build import build
from bench.debian.root import archive
from bench.peers import ours
from bench.peers.session import Session
from bench.peers.workload import PeerError, Programs, Workload
from vkd.errors import VkdError
from vkd.images import Image, cpio
from vkd.images.cache import Cache

PACKAGES = ("dash", "stress-ng", "python3", "libpython3.13-testsuite")
MEMORY = 1536 << 20
HARTS = 2
LIMIT = 600.0
SOAK = float(os.environ.get("VKD_SOAK_SECONDS", "0"))
SLACK = 32 << 20
"""What may come and go of a vkernel's own memory, bytes: banks of the TLB and code as guests differ in what they do."""

STRESS = (
    "--cpu 2 --cpu-method all -t 5",
    "--matrix 1 --fp 1 --trig 1 -t 3",
    "--vm 2 --vm-bytes 48m --vm-method all -t 5",
    "--mmap 1 --mremap 1 --madvise 1 --mprotect 1 -t 3",
    "--switch 2 --pipe 1 --futex 1 -t 3",
    "--signal 1 --sigsegv 1 --sigfpe 1 --sigsuspend 1 --sigq 1 -t 3",
    "--fork 1 --vfork 1 --exec 1 --clone 1 -t 3",
    "--atomic 2 --mutex 1 --pthread 1 -t 3",
    "--icache 1 --bsearch 1 --qsort 1 --str 1 -t 3",
)
SUITES = (
    "test_math test_cmath test_float test_complex test_struct",
    "test_thread test_threading test_threading_local test_queue",
)


BOMB = b"bomb() { bomb | bomb & }; bomb; while true; do :; done"


@pytest.fixture(scope="session")
def workload(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Workload:
    folder = tmp_path_factory.mktemp("debian")
    made = build("riscv64", folder, [cpio.file("bench/bomb.sh", BOMB)])
    if isinstance(made, PeerError):
        pytest.skip(str(made))
    try:
        debian = archive(PACKAGES, "riscv64", Cache.default())
    except VkdError as error:
        pytest.skip(f"Debian's packages for riscv64 cannot be had: {error}")
    initrd = folder / "whole"
    with initrd.open("wb") as whole:
        for part in (debian, made.initrd):
            whole.write(part.read_bytes())
    return Workload(image.kernel, image.cmdline, {"riscv64": Programs(initrd, ())}, MEMORY, HARTS)


@pytest.fixture(scope="module")
def guest(workload: Workload) -> Iterator[Session]:
    with Session(ours.command(workload)) as session:
        yield session


def succeed(guest: Session, command: str) -> None:
    answer, _ = guest.run(command, LIMIT)
    assert answer.status == 0, "\n".join(answer.lines[-60:])


@pytest.mark.parametrize("stressors", STRESS)
def test_stress_ng_finds_nothing_wrong(guest: Session, stressors: str) -> None:
    succeed(guest, f"stress-ng --verify --temp-path /tmp --oomable {stressors}")


@pytest.mark.parametrize("names", SUITES)
def test_python_passes_its_own_tests(guest: Session, names: str) -> None:
    succeed(guest, f"python3 -m test -q --timeout 300 {names}")


def own_memory(pid: int) -> int:
    """Memory of a vkernel that is not the guest's, bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("RssAnon:"))


def test_a_fork_bomb_is_the_guests_own_concern(workload: Workload) -> None:
    with Session(ours.command(workload)) as guest:
        before = own_memory(guest.pid)
        with pytest.raises(PeerError, match="no answer"):
            guest.run("sh /bench/bomb.sh", 15)
        assert guest.running()
        assert own_memory(guest.pid) < before + 2 * SLACK


@pytest.mark.soak
@pytest.mark.skipif(not SOAK, reason="VKD_SOAK_SECONDS does not say for how long")
def test_under_load_a_vkernel_does_not_grow(workload: Workload) -> None:
    with Session(ours.command(workload)) as guest:
        end = time.monotonic() + SOAK
        sizes: list[int] = []
        while time.monotonic() < end or len(sizes) < 2:
            for stressors in STRESS:
                succeed(guest, f"stress-ng --verify --temp-path /tmp --oomable {stressors}")
            sizes.append(own_memory(guest.pid))
        assert max(sizes[1:]) < sizes[0] + SLACK, sizes
