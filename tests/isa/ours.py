"""`python -m tests.isa.ours ELF HARTS SECONDS [interpret] [sbi] [windows]`: run a bare-metal program on our machine.

It runs in a process of its own, so that what ends a process is a failure like others, and so that the environment of
one run (`VKD_TRANSLATE_AFTER`, `VKD_CODE_BYTES`) is not that of another. Standard output is what the program writes to
the UART; the status is 0 after a power-off, the program's code after a failure, else `CRASHED` or `LATE`. With
`windows` it is `UNUSED` after a power-off when no page was let into a window.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from vkd._native import Machine

MEMORY = 128 << 20
CRASHED = 101
LATE = 102
UNUSED = 103


def main(elf: Path, harts: int, seconds: float, *, translate: bool, sbi: bool, windows: bool) -> int:
    """Run `elf`, with the built-in firmware or none, until it ends."""
    firmware = "builtin" if sbi else "none"
    machine = Machine(memory=MEMORY, harts=harts, kernel=elf, firmware=firmware, translate=translate)
    machine.start()
    deadline = time.monotonic() + seconds
    ended = None
    while ended is None and time.monotonic() < deadline:
        sys.stdout.buffer.write(machine.console_read(0.02))
        ended = machine.wait(0)
    while more := machine.console_read(0):
        sys.stdout.buffer.write(more)
    if ended is None:
        machine.stop()
        return LATE
    kind, code, text = ended
    if kind == "poweroff":
        used = any(hart["window_pieces"] for hart in machine.stats()["harts"])
        return 0 if used or not windows else UNUSED
    print(f"{kind}: {text}", file=sys.stderr)
    return code if kind == "failure" and code and code < CRASHED else CRASHED


if __name__ == "__main__":
    elf, harts, seconds, *words = sys.argv[1:]
    flags = {"translate": "interpret" not in words, "sbi": "sbi" in words, "windows": "windows" in words}
    sys.exit(main(Path(elf), int(harts), float(seconds), **flags))
