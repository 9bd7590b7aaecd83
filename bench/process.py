"""What a process has used, from /proc (proc(5)), and its end."""

import os
import re
import subprocess
from pathlib import Path


def cpu_seconds(pid: int) -> float:
    """Return the user and system time of process `pid`, seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_beside(pid: int, ram: str) -> int:
    """Return the proportional resident bytes of `pid` outside the mappings whose name contains `ram`."""
    beside, counts = 0, True
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            counts = ram not in line
        elif counts and line.startswith("Pss:"):
            beside += int(line.split()[1]) * 1024
    return beside


def terminate(process: "subprocess.Popen[bytes]") -> None:
    """End `process`: ask, then insist."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
