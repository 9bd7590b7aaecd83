"""Machines of other shapes: more harts than the host may have cores, little memory, OpenSBI as the firmware."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.lab import Lab, open_lab
from vkd.images import Image
from vkd.profile.kallsyms import kallsyms_untrusted
from vkd.profile.symbols import parse_text_untrusted

OPENSBI = Path("/usr/lib/riscv64-linux-gnu/opensbi/generic")

CLUSTER = """
[guests.smp]
cpus = 4

[guests.dynamic]
firmware = "{opensbi}/fw_dynamic.bin"
cpus = 2

[guests.jump]
firmware = "{opensbi}/fw_jump.bin"
cpus = 2
"""


@pytest.fixture(scope="module")
def machines(image: Image) -> Iterator[Lab]:
    assert OPENSBI.is_dir(), "install Debian's package opensbi: `python3 scripts/hostdeps.py run test`"
    with open_lab() as lab:
        lab.write(CLUSTER.format(opensbi=OPENSBI))
        lab.vkd("up")
        yield lab


def test_four_harts_work_at_a_time(machines: Lab) -> None:
    """Each of them hashes on its own, pinned there, and all get it right; then all write through one pipe."""
    assert machines.ssh("smp", "nproc; grep -c ^processor /proc/cpuinfo") == "4\n4"
    work = "for hart in 0 1 2 3; do (seq 1 150000 | taskset -c $hart sha256sum >/tmp/sum$hart) & done; wait"
    machines.ssh("smp", work)
    sums = machines.ssh("smp", "cat /tmp/sum?").split()[::2]
    right = hashlib.sha256("".join(f"{number}\n" for number in range(1, 150_001)).encode()).hexdigest()
    assert sums == [right] * 4
    busy = machines.ssh("smp", "grep '^cpu[0-9]' /proc/stat").splitlines()
    assert len(busy) == 4
    assert all(int(line.split()[1]) > 0 for line in busy), busy
    lines = "(for part in 1 2 3 4; do (seq -f %07.0f 1 5000) & done; wait) | sort | uniq -c | awk '$1 != 4' | wc -l"
    assert machines.ssh("smp", lines) == "0"


def test_a_profile_names_tasks_and_functions(machines: Lab, image: Image) -> None:
    """One hart copies through the kernel while the others sleep."""
    work = machines.popen("ssh", "smp", "--", "timeout 20 dd if=/dev/zero of=/dev/null bs=1M")
    found = json.loads(machines.vkd("profile", "smp", "--seconds", "4", "--json", "--folded", "folded").out)
    (load,) = [row for row in json.loads(machines.vkd("top", "--once", "--json").out) if row["name"] == "smp"]
    work.wait(60)
    assert found["harts"] == 4
    assert found["tasks"][0]["task"] == "dd"
    assert found["idle"] > found["samples"] / 2
    (clear,) = [row for row in found["symbols"] if row["symbol"] == "__clear_user"]
    assert clear["self"] > found["samples"] / 2
    stacks = (machines.folder / "folded").read_text().splitlines()
    longest = max((line for line in stacks if "__clear_user" in line), key=lambda line: int(line.split()[-1]))
    assert re.match(r"dd;.*do_trap_ecall_u_\[k\];.*ksys_read_\[k\];.*read_zero_\[k\];.*__clear_user_\[k\]", longest)
    assert load["instructions"] > 1_000_000
    assert load["exits"]["interrupts"] > 0
    # The kernel's own list is what was read out of its file.
    theirs = machines.vkd("exec", "smp", "--", "grep", "-v", "\\[", "/proc/kallsyms").out.encode()
    assert sorted(kallsyms_untrusted(image.kernel.read_bytes())) == sorted(parse_text_untrusted(theirs))


@pytest.mark.parametrize("guest", ["dynamic", "jump"])
def test_opensbi_is_the_firmware(machines: Lab, guest: str) -> None:
    assert "OpenSBI v" in machines.vkd("logs", guest).out
    # The SBI implementation's number 1 is OpenSBI's (RISC-V SBI specification, chapter "Base Extension").
    assert "SBI implementation ID=0x1 " in machines.ssh(guest, "dmesg")
    assert machines.ssh(guest, "nproc") == "2"


def test_a_guest_with_64_megabytes(lab: Lab, image: Image) -> None:
    lab.write('[guests.small]\nmemory = "64M"\n')
    lab.vkd("up")
    assert lab.ssh("small", "uname -m") == "riscv64"
    assert lab.row("small")["state"] == "ready"
