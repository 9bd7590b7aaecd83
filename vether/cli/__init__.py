"""The command `vether`. Only :mod:`vether.cli.app` prints errors and sets exit codes; the commands raise."""

from vether.interrupt import load


def main() -> None:
    """Run the command line and exit."""
    load("vether.cli.app").run()
