"""How long a user waits for a command that only asks."""

import subprocess
import sys
import time
from collections.abc import Sequence

from bench.figure import Figure

ROUNDS = 5


def measure() -> Sequence[Figure]:
    """Time `vkd ps`, whole processes, and take the median."""
    spans = []
    for _ in range(ROUNDS):
        began = time.monotonic()
        subprocess.run([sys.executable, "-m", "vkd", "ps"], capture_output=True, check=True)
        spans.append(time.monotonic() - began)
    return [Figure("vkd ps", "s", sorted(spans)[ROUNDS // 2], None, 0.3, higher_is_better=False)]
