"""Starting our own modules as programs, with this interpreter and from any working directory."""

import os
import sys
from pathlib import Path

import vkd
from vether.systemd import VARIABLES


def argv(module: str, *arguments: str) -> list[str]:
    """Return the words that run `module`; `-P` keeps the working directory out of the module search path."""
    return [sys.executable, "-P", "-m", module, *arguments]


def environment() -> dict[str, str]:
    """Return our environment, with our packages importable wherever they lie.

    What we start is no service: it does not get the way to the service manager that may have started us.
    """
    ours = str(Path(vkd.__file__).parent.parent)
    others = [str(Path(part).absolute()) for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    inherited = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    return {**inherited, "PYTHONPATH": os.pathsep.join(dict.fromkeys([ours, *others]))}
