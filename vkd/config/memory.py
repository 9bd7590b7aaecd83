"""Whether the host has the memory that a cluster asks for."""

from collections.abc import Mapping
from pathlib import Path

from vkd.config.layers import Merged
from vkd.config.model import Cluster
from vkd.config.problem import Problems

_CGROUP = Path("/sys/fs/cgroup")


def available_memory(proc: Path = Path("/proc"), cgroup: Path = _CGROUP) -> int:
    """Return the bytes that this process's children can still get: the host's, or the control group's if less.

    From `MemAvailable` (proc_meminfo(5)) and, below a limit, `memory.max` less `memory.current` (cgroup v2).
    """
    available = 0
    for line in (proc / "meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            available = int(line.split()[1]) * 1024
    return min([available, *_cgroup_room(proc, cgroup)])


def _cgroup_room(proc: Path, cgroup: Path) -> list[int]:
    try:
        name = next(line[3:] for line in (proc / "self/cgroup").read_text().splitlines() if line.startswith("0::"))
    except (OSError, StopIteration):
        return []
    group = cgroup / name.strip().lstrip("/")
    room = []
    for folder in (group, *group.parents):
        try:
            limit, used = (folder / "memory.max").read_text().strip(), int((folder / "memory.current").read_text())
        except (OSError, ValueError):
            continue
        if limit.isdigit():
            room.append(max(0, int(limit) - used))
    return room


def check_memory(
    cluster: Cluster,
    merged: Mapping[str, Merged],
    available: int,
    running: Mapping[str, int],
    problems: Problems,
    *,
    overcommit: bool,
) -> None:
    """Add a problem for each guest over `available` bytes, or for all guests together unless `overcommit`.

    `running` gives the memory, bytes, that guests have already: of it they need no more.
    """
    wanted = {name: max(0, guest.memory - running.get(name, 0)) for name, guest in cluster.guests.items()}
    for name, memory in wanted.items():
        if memory > available:
            more = f" more than the {mebibytes(running[name])} it has" if name in running else ""
            text = (
                f"guest {name!r} asks for {mebibytes(memory)}{more}, and the host has {mebibytes(available)} available"
            )
            problems.add(merged[name].origin("memory"), text)
    total = sum(wanted.values())
    if total > available and not overcommit and not problems.found:
        text = f"the guests ask for {mebibytes(total)} in sum, and the host has {mebibytes(available)} available"
        last = list(wanted)[-1]
        problems.add(merged[last].origin("memory"), text, hint="lower memory, or set overcommit = true")


def mebibytes(size: int) -> str:
    """Return `size`, bytes, as people read it."""
    return f"{size >> 20} MiB"
