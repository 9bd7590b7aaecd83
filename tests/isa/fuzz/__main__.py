"""`python -m tests.isa.fuzz --seed N --seconds S`: fuzz our translator and our interpreter against QEMU."""

from __future__ import annotations

import argparse
import secrets
import sys

from tests.isa import toolchain
from tests.isa.fuzz import campaign
from tests.isa.runners import INTERPRETER, QEMU_VIRT, TRANSLATOR


def main() -> int:
    """Run a campaign; 0: nothing differed, 1: something did or too little ran, 5: something is not installed."""
    parser = argparse.ArgumentParser(prog="python -m tests.isa.fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=None, help="seed of the first batch (default: random)")
    parser.add_argument("--seconds", type=float, default=60, help="how long to go on (default: 60)")
    options = parser.parse_args()
    for reason in (toolchain.missing(), TRANSLATOR.missing(), QEMU_VIRT.missing()):
        if reason is not None:
            print(reason, file=sys.stderr)
            return 5
    seed = secrets.randbits(32) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    result = campaign.run(seed, options.seconds, (TRANSLATOR, INTERPRETER), QEMU_VIRT)
    print(result.summary())
    problem = result.problem()
    if problem is None:
        return 0
    print(problem)
    return 1


if __name__ == "__main__":
    sys.exit(main())
