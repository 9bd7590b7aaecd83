"""How long a user waits for a command that only asks."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.figure import Figure
from bench.goals import goals
from bench.options import Options

VKD = Path(sys.executable).with_name("vkd")
CLUSTER = Path(__file__).parent.parent / "configs" / "cluster.toml"
ROUNDS = 9


def measure(options: Options) -> Sequence[Figure]:
    """Time `vkd ps`, whole processes, while two guests idle."""
    if "ours" not in options.peers:
        return []
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "VKD_RUNTIME_DIR": f"{folder}/run", "VKD_STATE_DIR": f"{folder}/state"}

        def vkd(*arguments: str | Path) -> float:
            began = time.monotonic()
            subprocess.run([VKD, *arguments], env=environment, capture_output=True, check=True)
            return time.monotonic() - began

        try:
            vkd("up", CLUSTER)
            spans = [vkd("ps") for _ in range(ROUNDS)]
        finally:
            vkd("down", "--all")
    return [Figure("vkd ps", "s", {"ours": spans}, goals("vkd ps"), title="the whole command")]
