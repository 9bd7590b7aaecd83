"""The command line. Only :mod:`vkd.cli.edge` prints errors and sets exit codes; the commands raise.

Each command is loaded when it is asked for (:mod:`vkd.cli.app`), so that `vkd ps` starts in a blink.
"""

from vether.interrupt import load


def main() -> int:
    """Run the command that the process was started with; return its exit code."""
    code: int = load("vkd.cli.edge").run()
    return code
