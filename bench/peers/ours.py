"""Our machine as a program with the guest's console at its standard input and output.

`python -m bench.peers.ours KERNEL INITRD CMDLINE --memory MB --harts N [--no-translate]`: a process of its own, so that
whatever happens to it is only its figures' loss.
"""

import argparse
import os
import sys
import threading
import time
from pathlib import Path

from bench.peers.workload import Workload
from vkd._native import Machine


def command(workload: Workload) -> list[str]:
    """Return the command line."""
    return [
        *(
            sys.executable,
            "-m",
            "bench.peers.ours",
            str(workload.kernel),
            str(workload.of("riscv64").initrd),
            workload.cmdline,
        ),
        *("--memory", str(workload.memory >> 20), "--harts", str(workload.harts)),
        *(() if workload.translate else ("--no-translate",)),
    ]


def main() -> int:
    """Run the machine until it ends; return 0 when the guest powered it off."""
    parser = argparse.ArgumentParser(prog="bench.peers.ours", description=__doc__)
    parser.add_argument("kernel", type=Path)
    parser.add_argument("initrd", type=Path)
    parser.add_argument("cmdline")
    parser.add_argument("--memory", type=int, default=512, metavar="MB")
    parser.add_argument("--harts", type=int, default=1)
    parser.add_argument("--no-translate", dest="translate", action="store_false", help="interpret everything")
    options = parser.parse_args()
    machine = Machine(
        memory=options.memory << 20,
        harts=options.harts,
        kernel=options.kernel,
        initrd=[options.initrd],
        cmdline=options.cmdline,
        translate=options.translate,
    )
    machine.start()
    threading.Thread(target=_feed, args=(machine,), daemon=True).start()
    while (ended := machine.wait(0)) is None:
        _print(machine.console_read(0.2))
    _print(machine.console_read(0))
    kind, code, text = ended
    if kind != "poweroff":
        print(f"the machine ended: {kind} {code} {text}", file=sys.stderr)
    return kind != "poweroff"


def _feed(machine: Machine) -> None:
    while data := os.read(sys.stdin.fileno(), 4096):
        while data := data[machine.console_write(data) :]:
            time.sleep(0.01)


def _print(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
