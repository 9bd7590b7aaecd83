"""`vkd profile` and `vkd top`, against a daemon that invents samples and counters."""

import json
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.cli.conftest import Vkd
from tests.unit.cli.fake import FakeDaemon
from tests.unit.profile.kernels import BASE, btf, kallsyms
from vkd.api import Load
from vkd.cli.output import fitting
from vkd.cli.rates import rates
from vkd.cli.top import HEAD, SPARE, human_count
from vkd.profile.sample import SUPERVISOR, USER, Batch, Sample
from vkd.vkernel.spec import SPEC, Spec, write_atomically

_FILLER = [(0x4000 + 8 * number, "t", f"symbol_{number}") for number in range(600)]
SYMBOLS = [(0, "T", "_start"), (0x1000, "T", "do_syscall"), (0x2000, "t", "copy"), *_FILLER, (0x9000, "D", "_end")]
MODULE = 0xFFFFFFFF01000000


def sample(pc: int, *frames: int, task: bytes | None = b"cat") -> Sample:
    privilege = SUPERVISOR if pc >= BASE - (1 << 31) else USER
    return Sample(0, 1.0, privilege, 0, pc, None, list(frames), task)


@pytest.fixture
def sampled(daemon: FakeDaemon, tmp_path: Path) -> FakeDaemon:
    """A guest with a kernel that says what it is, and six samples of it."""
    kernel = tmp_path / "Image"
    kernel.write_bytes(kallsyms(SYMBOLS) + btf())
    write_atomically(tmp_path / SPEC, Spec(cluster="demo", name="a", memory=1, kernel=str(kernel)))

    def profile(_args: dict[str, Any]) -> Generator[Any, None, None]:
        copying = [sample(BASE + 0x2004, BASE + 0x1010)] * 3
        yield Batch(samples=copying, lost=[0], idle=[1])
        yield Batch(
            samples=[*copying[:1], sample(0x12345, task=b"sh"), sample(0x12345, task=b"sh")], lost=[0], idle=[2]
        )

    daemon.scripts["profile"] = profile
    return daemon


def test_a_profile_is_a_table_of_symbols(vkd: Vkd, sampled: FakeDaemon) -> None:
    result = vkd("profile", "a", "--seconds", "3", "--hz", "50")
    assert (result.code, result.err) == (0, "")
    op, args = sampled.calls[-1]
    # The offset of task_struct.comm, as the kernel says.
    assert (op, args) == ("profile", {"guest": "a", "hz": 50, "seconds": 3.0, "task_name": 56})
    lines = [" ".join(line.split()) for line in result.out.splitlines()]
    assert lines[0].startswith("6 samples in 0.")
    assert lines[0].endswith("s at 50 Hz of 1 hart")
    assert lines[1] == "idle 25.0 % of the time; of the rest:"
    assert lines[3:6] == ["SHARE KERNEL USER TASK", "66.7 % 66.7 % 0.0 % cat", "33.3 % 0.0 % 33.3 % sh"]
    assert lines[7:] == [
        "SELF TOTAL MODE SYMBOL",
        "66.7 % 66.7 % kernel copy",
        "33.3 % 33.3 % user 0x12000+",
        "0.0 % 66.7 % kernel do_syscall",
    ]


def test_a_profile_as_json_folded_and_flames(vkd: Vkd, sampled: FakeDaemon, tmp_path: Path) -> None:
    result = vkd("profile", "a", "--json", "--flame", "f.svg", "--folded", "f.txt")
    found = json.loads(result.out)
    assert (found["samples"], found["idle"], found["lost"], found["harts"]) == (6, 2, 0, 1)
    assert found["symbols"][0] == {"symbol": "copy", "mode": "kernel", "self": 4, "total": 4}
    folded = "cat;do_syscall_[k];copy_[k] 4\nsh;0x12000+ 2\n"
    assert (tmp_path / "f.txt").read_text() == folded
    assert (tmp_path / "f.svg").read_text().startswith("<svg ")
    assert vkd("profile", "a", "--folded", "-").out == folded
    result = vkd("profile", "a", "--flame", "nowhere/f.svg")
    assert (result.code, result.err.splitlines()[0]) == (1, "vkd: nowhere/f.svg: No such file or directory")


def test_symbols_can_be_given(vkd: Vkd, sampled: FakeDaemon, tmp_path: Path) -> None:
    (tmp_path / "map").write_text(f"{BASE:016x} T everything\n")
    (tmp_path / "program").write_text("00000345 T program\n")
    out = vkd("profile", "a", "--symbols", "map", "--symbols", "program@12000", "--folded", "-").out
    assert out == "cat;everything_[k];everything_[k] 4\nsh;program 2\n"
    result = vkd("profile", "a", "--symbols", "none")
    assert (result.code, "none: No such file" in result.err) == (1, True)


def test_a_kernel_that_says_nothing_is_no_obstacle(vkd: Vkd, sampled: FakeDaemon, tmp_path: Path) -> None:
    (tmp_path / "Image").write_bytes(b"an Image")
    result = vkd("profile", "a", "--folded", "-")
    assert result.code == 0
    assert "cat;" in result.out
    assert "tasks have no names" in result.err
    assert "give --symbols System.map" in result.err
    assert sampled.calls[-1][1]["task_name"] is None


def test_modules_are_asked_of_the_guest(
    vkd: Vkd, sampled: FakeDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def profile(_args: dict[str, Any]) -> Generator[Any, None, None]:
        yield Batch(samples=[sample(MODULE + 8)], lost=[0], idle=[0])

    sampled.scripts["profile"] = profile
    ssh = tmp_path / "bin" / "ssh"
    ssh.parent.mkdir()
    ssh.write_text(f"#!/bin/sh\nprintf '{MODULE:x} t probe\\t[virtio_net]\\n'\n")
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{ssh.parent}:/usr/bin:/bin")
    assert vkd("profile", "a", "--folded", "-").out == "cat;probe [virtio_net]_[k] 1\n"
    ssh.write_text("#!/bin/sh\necho refused >&2\nexit 255\n")
    result = vkd("profile", "a", "--folded", "-")
    assert result.out == f"cat;{MODULE:#x}+_[k] 1\n"
    assert result.err == "vkd: the kernel's modules have no names: ssh: refused\n"


def test_without_samples_there_is_no_table(vkd: Vkd, sampled: FakeDaemon) -> None:
    def profile(_args: dict[str, Any]) -> Generator[Any, None, None]:
        yield Batch(samples=[], lost=[0, 0], idle=[5, 5])

    sampled.scripts["profile"] = profile
    assert vkd("profile", "a").out.splitlines()[1] == "idle 100.0 % of the time; of the rest:"
    assert vkd("profile", "a", "--folded", "-").err == "vkd: no samples: a was idle\n"
    assert vkd("profile", "nobody").code == 3
    assert vkd("profile", "a", "--hz", "0").code == 2


def machine(scale: int, **harts: int) -> dict[str, Any]:
    hart = {
        "ecalls": 10,
        "page_faults": 2,
        "tlb_misses": 50,
        "translated": 4000,
        "code_bytes": 4096,
        "window_pieces": 7,
        **harts,
    }
    return {
        "instructions": [5000 * scale, 5000 * scale],
        "harts": [{name: count * scale for name, count in hart.items()}] * 2,
        "disks": [{"read_bytes": 512 * scale}],
        "nics": [{"rx_bytes": 100 * scale, "connected": True}, {"rx_bytes": 50 * scale, "connected": True}],
    }


def load(number: int, **fields: Any) -> Load:
    given = {"name": "a", "pid": 7, "boots": 1, "machine": machine(number), **fields}
    return Load(cluster="demo", state="ready", time=10.0 + 2 * number, cpu=1.0 + number, **given)


def test_rates_are_differences_over_time() -> None:
    found = rates(load(1), load(3))
    assert found is not None
    assert (found.seconds, found.cpu, found.instructions, found.translated) == (4.0, 0.5, 5000.0, 0.8)
    assert (found.exits["ecalls"], found.exits["page_faults"], found.exits["interrupts"]) == (10.0, 2.0, 0.0)
    assert (found.tlb_misses, found.code_bytes) == (10.0, 3 * 2 * 4096)
    assert found.windows == {"faults": 0.0, "drops": 0.0, "pieces": 3 * 2 * 7}
    assert (found.disk["read_bytes"], found.net["rx_bytes"]) == (256.0, 75.0)


def test_there_are_no_rates_over_a_restart_or_no_time() -> None:
    assert rates(load(1), load(1)) is None
    assert rates(load(1), load(2, pid=8)) is None
    assert rates(load(1), load(2, boots=2)) is None
    racing = rates(load(1), load(2, machine=machine(2, translated=5100)))
    assert racing is not None
    assert racing.translated == 1.0
    idle = rates(load(1), load(2, machine=machine(1)))
    assert idle is not None
    assert (idle.instructions, idle.translated, idle.tlb_misses) == (0, 0, 0)
    empty = rates(load(1, machine={}), load(2, machine={}))
    assert empty is not None
    assert empty.instructions == 0


def test_top_shows_one_line_a_guest(vkd: Vkd, daemon: FakeDaemon) -> None:
    number = 0

    def top(_args: dict[str, Any]) -> Generator[Any, None, list[Load]]:
        nonlocal number
        number += 1
        yield from ()
        return [load(number), load(number, name="b", boots=number)]

    daemon.scripts["top"] = top
    result = vkd("top", "--once", "-i", "0.1")
    assert result.code == 0
    head, line = (" ".join(line.split()) for line in result.out.splitlines())
    assert head.startswith("CLUSTER NAME CPU INSTR/S TRANSL TLBMISS ECALL FAULT")
    assert line.startswith("demo a 50% 5.0 k 80% 10.00 10 2 0")
    (found,) = json.loads(vkd("top", "demo", "--once", "-i", "0.1", "--json").out)
    assert (found["name"], found["exits"]["ecalls"]) == ("a", 10.0)
    assert daemon.calls[-1] == ("top", {"cluster": "demo"})


@given(st.integers(40, 300))
def test_top_fits_a_terminal(width: int) -> None:
    row = ["demo", "a", *["1023 KiB"] * (len(HEAD) - 2)]
    kept = fitting(HEAD, [row], width, SPARE)
    assert sum(max(7, len(row[at])) + 2 for at in kept) - 2 <= width
    names = [HEAD[at] for at in kept]
    assert names[:1] == ["CLUSTER"] or names[:3] == ["NAME", "CPU", "INSTR/S"]
    assert set(HEAD) - set(names) == set(SPARE[: len(HEAD) - len(names)])


def test_top_goes_on_until_it_is_interrupted(vkd: Vkd, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    number = 0

    def top(_args: dict[str, Any]) -> Generator[Any, None, list[Load]]:
        nonlocal number
        number += 1
        yield from ()
        return [load(number)]

    daemon.scripts["top"] = top
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", sleep)
    result = vkd("top", "--json")
    assert (result.code, slept) == (130, [2.0] * 4)
    assert [json.loads(line)[0]["instructions"] for line in result.out.splitlines()] == [5000.0] * 3


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0"), (999, "999"), (1000, "1.0 k"), (12_345, "12.3 k"), (123_456, "123 k"), (2.5e9, "2.5 G")],
)
def test_counts_are_short(count: float, text: str) -> None:
    assert human_count(count) == text
