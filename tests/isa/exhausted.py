"""`python -m tests.isa.exhausted ELF FREE`: run a program (with KEYS) while the host has FREE mappings to give.

In a process of its own, for it lacks them itself. When the program asks for a key all others are taken that
`vm.max_map_count` allows; when it asks again they are given back. The status is 0 when it has gone on to its end.
What is printed is what the hart has counted by the second key and by the end.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import sys
import time
from pathlib import Path

from vkd._native import Machine

MEMORY = 128 << 20
PAGE = mmap.PAGESIZE
PRIVATE = 0x4022
"""MAP_PRIVATE, MAP_ANONYMOUS and MAP_NORESERVE."""
NONE, READ = 0, 1
SECONDS = 60

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
FAILED = ctypes.c_void_p(-1).value


class Taken:
    """All mappings that the host gives this process, but for `free`."""

    def __init__(self, limit: int, free: int) -> None:
        self._ranges: list[tuple[int, int]] = []
        start = self._map(2 * limit * PAGE)
        # Each of these is two: it, and the gap behind it.
        count = 0
        while start and libc.mprotect(start + 2 * count * PAGE, PAGE, READ) == 0:
            count += 1
        # With an odd number left these take the last one, and the host goes one beyond its limit.
        while self._map(PAGE, READ if len(self._ranges) % 2 else NONE):
            pass
        for i in range(free // 2):
            libc.mprotect(start + 2 * i * PAGE, PAGE, NONE)
        self.count = 2 * count + len(self._ranges)

    def _map(self, size: int, protection: int = NONE) -> int:
        start = libc.mmap(None, size, protection, PRIVATE, -1, 0)
        if start in {None, FAILED}:
            return 0
        self._ranges.append((start, size))
        return int(start)

    def give_back(self) -> None:
        """Unmap them, in an order in which that needs no new ones."""
        for start, size in self._ranges:
            libc.munmap(start, size)


def main(elf: Path, free: int) -> int:
    """Run `elf` to its end."""
    limit = int(Path("/proc/sys/vm/max_map_count").read_text())
    machine = Machine(memory=MEMORY, kernel=elf, firmware="none")
    machine.start()
    taken: list[Taken] = []
    asked, ended = 0, None
    deadline = time.monotonic() + SECONDS
    while ended is None and time.monotonic() < deadline:
        for _ in range(machine.console_read(0.01).count(b"?")):
            asked += 1
            if asked == 1:
                taken.append(Taken(limit, free))
            else:
                print(json.dumps(machine.stats()["harts"][0]))
                taken[0].give_back()
            machine.console_write(b"x")
        ended = machine.wait(0)
    machine.stop()
    print(json.dumps(machine.stats()["harts"][0]))
    print(taken[0].count if taken else 0, "mappings,", ended, file=sys.stderr)
    return 0 if asked == 2 and ended and ended[0] == "poweroff" else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
