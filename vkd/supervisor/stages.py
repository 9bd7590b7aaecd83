r"""What a guest's console says about its boot, without input or output.

The stages in order: image, kernel, init, link, ssh. The supervisor itself knows `image` and `ssh`; the console gives
the others: the first line of the kernel, then the lines `vkd: stage init` and `vkd: stage link` that our initramfs
prints. A later stage implies those before it. `vkd: boot N` is printed by the vkernel when the guest rebooted.

The console is the guest's and hostile: lines are bounded, bytes need not be text, and nothing here can raise.
"""

import re
from dataclasses import dataclass
from typing import Literal

Stage = Literal["image", "kernel", "init", "link", "ssh"]

#: All stages, in the order in which a guest reaches them.
STAGES: tuple[Stage, ...] = ("image", "kernel", "init", "link", "ssh")

#: Longest line that is looked at, bytes; the rest of a longer one is passed over.
MAX_LINE = 1024

_PRINTK = rb"^(?:<\d+>)?(?:\[ *\d+\.\d+\](?:\[ *[TC]\d+\])? )?"
_KERNEL = re.compile(rb"^(?:<\d+>)?\[ *\d+\.\d+\]|Linux version ")
#: The last line that OpenSBI prints before it enters what it boots.
_HANDED_OVER = re.compile(rb"^Boot HART MEDELEG\b")
_STAGE = re.compile(rb"vkd: stage (init|link|ssh)\s*$")
_BOOT = re.compile(rb"^vkd: boot \d+\s*$")
_PANIC = re.compile(_PRINTK + rb"(Kernel panic - not syncing: .*|panic: .*)")
_OOM = re.compile(_PRINTK + rb"(?:\S+ invoked oom-killer|(Out of memory: Killed process .*))")
_ESCAPES = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|[@-Z\\-_])")


@dataclass(frozen=True, slots=True)
class Reached:
    """A stage was reached for the first time in this boot."""

    stage: Stage


@dataclass(frozen=True, slots=True)
class Panic:
    """The kernel said that it cannot go on, in these words."""

    text: str


@dataclass(frozen=True, slots=True)
class Warned:
    """The console said something that a user should hear of, such as a process killed for want of memory."""

    text: str


@dataclass(frozen=True, slots=True)
class Rebooted:
    """The guest restarted itself; its stages begin anew."""


Sighting = Reached | Panic | Warned | Rebooted


class Watcher:
    """Reads a console and reports what it saw.

    With `firmware`, the kernel's first line is the first of Linux, or the first after OpenSBI's last.
    """

    def __init__(self, *, firmware: bool = False) -> None:
        self._firmware = firmware
        self._line = bytearray()
        self._skipping = False
        self._reached = STAGES.index("image")
        self._panicked = False

    @property
    def stage(self) -> Stage:
        """The latest stage that the console showed (`image` when it showed none)."""
        return STAGES[self._reached]

    def feed_untrusted(self, data: bytes) -> list[Sighting]:
        """Take console bytes as they come; return what the lines that they complete say."""
        sightings: list[Sighting] = []
        for piece in re.split(rb"([\r\n])", data):
            if piece in {b"\r", b"\n"}:
                sightings += self._end_line()
            elif not self._skipping:
                self._line += piece[: MAX_LINE - len(self._line)]
                self._skipping = len(self._line) >= MAX_LINE
        return sightings

    def _end_line(self) -> list[Sighting]:
        line = _ESCAPES.sub(b"", bytes(self._line)).strip()
        self._line.clear()
        self._skipping = False
        return self._read(line) if line else []

    def _read(self, line: bytes) -> list[Sighting]:
        if _BOOT.search(line):
            self._reached = STAGES.index("image")
            self._panicked = False
            return [Rebooted()]
        if stage := _STAGE.search(line):
            return self._reach(_named(stage[1]))
        found: list[Sighting] = []
        if self._firmware and _HANDED_OVER.search(line):
            self._firmware = False
            return found
        if not self._firmware or _KERNEL.search(line):
            found += self._reach("kernel")
        if panic := _PANIC.search(line):
            if not self._panicked:
                found.append(Panic(_text(panic[1])))
            self._panicked = True
        elif oom := _OOM.search(line):
            found.append(Warned(_text(oom[1] or oom[0])))
        return found

    def _reach(self, stage: Stage) -> list[Sighting]:
        before, self._reached = self._reached, max(self._reached, STAGES.index(stage))
        return [Reached(passed) for passed in STAGES[before + 1 : self._reached + 1]]


def _named(name: bytes) -> Stage:
    return next(stage for stage in STAGES if stage.encode() == name)


def _text(data: bytes) -> str:
    text = data.decode("utf-8", "replace")
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def tail(data: bytes, lines: int = 30) -> list[str]:
    """Return the last `lines` lines of console bytes as printable text, escape sequences removed.

    A kernel that panics may reboot before its process is ended: the words of that next boot are left out.
    """
    clean = _ESCAPES.sub(b"", data).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    panics = [at for at, line in enumerate(clean) if _PANIC.search(line)]
    if panics:
        boots = [at for at, line in enumerate(clean) if at > panics[-1] and _BOOT.search(line)]
        clean = clean[: boots[0]] if boots else clean
    texts = [_text(line[:MAX_LINE].replace(b"\t", b"    ")) for line in clean]
    return [text for text in texts if text.strip()][-lines:]
