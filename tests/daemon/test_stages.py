"""The console watcher: real lines, and whatever a hostile guest prints."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vkd.supervisor.stages import MAX_LINE, Panic, Reached, Rebooted, Sighting, Warned, Watcher, tail

BOOT = b"""[    0.000000] Linux version 6.12.41+deb13-riscv64 (debian-kernel@lists.debian.org)\r
[    0.000000] Machine model: riscv-virtio,qemu\r
[    0.512345] Run /init as init process\r
vkd: stage init\r
vkd: stage link\r
"""


def watch(data: bytes, *, firmware: bool = False) -> list[Sighting]:
    return Watcher(firmware=firmware).feed_untrusted(data)


def test_a_boot() -> None:
    assert watch(BOOT) == [Reached("kernel"), Reached("init"), Reached("link")]


@given(st.lists(st.integers(0, len(BOOT)), max_size=20))
def test_pieces_do_not_matter(cuts: list[int]) -> None:
    watcher, sightings = Watcher(), []
    edges = [0, *sorted(cuts), len(BOOT)]
    for begin, end in pairwise(edges):
        sightings += watcher.feed_untrusted(BOOT[begin:end])
    assert sightings == [Reached("kernel"), Reached("init"), Reached("link")]


def test_a_line_is_read_when_it_is_complete() -> None:
    watcher = Watcher()
    assert watcher.feed_untrusted(b"vkd: stage in") == []
    assert watcher.feed_untrusted(b"it\n") == [Reached("kernel"), Reached("init")]


def test_firmware_is_not_the_kernel() -> None:
    opensbi = b"\r\nOpenSBI v1.6\r\nPlatform Name             : riscv-virtio,qemu\r\n"
    assert watch(opensbi, firmware=True) == []
    assert watch(opensbi + BOOT, firmware=True)[0] == Reached("kernel")
    assert watch(opensbi) == [Reached("kernel")]
    handed_over = opensbi + b"Boot HART MIDELEG         : 0x1666\r\nBoot HART MEDELEG         : 0xf0b509\r\n"
    assert watch(handed_over, firmware=True) == []
    assert watch(handed_over + b"\r\nU-Boot 2025.01\r\n", firmware=True) == [Reached("kernel")]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (
            b"[    1.234567] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)",
            "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)",
        ),
        (
            b"[    1.2][    T1] Kernel panic - not syncing: Attempted to kill init!",
            "Kernel panic - not syncing: Attempted to kill init!",
        ),
        (b"<0>[   1.2] Kernel panic - not syncing: x", "Kernel panic - not syncing: x"),
        (b"\x1b[31mKernel panic - not syncing: in red\x1b[0m", "Kernel panic - not syncing: in red"),
        (b"panic: kerneltrap", "panic: kerneltrap"),
    ],
)
def test_panics(line: bytes, text: str) -> None:
    assert watch(line + b"\n") == [Reached("kernel"), Panic(text)]


@pytest.mark.parametrize(
    "line", [b"[    2.0] ---[ end Kernel panic - not syncing: x ]---", b"$ echo Kernel panic - not syncing: a joke"]
)
def test_not_panics(line: bytes) -> None:
    assert not any(isinstance(seen, Panic) for seen in watch(line + b"\n"))


def test_a_panic_is_told_once() -> None:
    line = b"[    1.0] Kernel panic - not syncing: a\n"
    assert sum(isinstance(seen, Panic) for seen in watch(line * 3)) == 1


def test_out_of_memory() -> None:
    line = b"[   42.0] Out of memory: Killed process 123 (stress) total-vm:1kB\n"
    assert watch(line)[-1] == Warned("Out of memory: Killed process 123 (stress) total-vm:1kB")


def test_stages_do_not_go_back_but_by_a_reboot() -> None:
    watcher = Watcher()
    watcher.feed_untrusted(BOOT)
    assert watcher.feed_untrusted(b"vkd: stage init\n") == []
    assert watcher.feed_untrusted(b"\r\nvkd: boot 2\r\n" + BOOT) == [
        Rebooted(),
        Reached("kernel"),
        Reached("init"),
        Reached("link"),
    ]


@given(st.binary(max_size=5000))
def test_any_bytes_are_safe(data: bytes) -> None:
    for seen in Watcher().feed_untrusted(data + b"\n"):
        if isinstance(seen, Panic | Warned):
            assert seen.text.isprintable()
    assert all(line.isprintable() for line in tail(data))


def test_a_line_without_end_takes_no_memory() -> None:
    watcher = Watcher()
    for _ in range(1000):
        watcher.feed_untrusted(b"x" * 100_000)
    assert len(watcher._line) <= MAX_LINE
    assert watcher.feed_untrusted(b"\nvkd: stage init\n") == [Reached("kernel"), Reached("init")]


def test_tail() -> None:
    data = b"".join(b"line %d\r\n" % i for i in range(100))
    assert tail(data, 3) == ["line 97", "line 98", "line 99"]
    assert tail(b"\x1b[1mbold\x1b[0m\tx\r\r\n\n") == ["bold    x"]
    assert tail(b"") == []


def test_the_tail_of_a_panic_ends_before_the_next_boot() -> None:
    said = (
        b"old\r\n[    1.5] Kernel panic - not syncing: why\r\ntrace\r\n\r\nvkd: boot 2\r\n[    0.0] Linux version 6\r\n"
    )
    assert tail(said) == ["old", "[    1.5] Kernel panic - not syncing: why", "trace"]
    assert tail(said + b"[    0.9] Kernel panic - not syncing: again\n", 1)[0].endswith("again")
    assert tail(b"vkd: boot 2\nfine\n") == ["vkd: boot 2", "fine"]
