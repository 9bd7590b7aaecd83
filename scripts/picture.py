#!/usr/bin/env python3
"""Draw what shell commands print as an SVG: `picture.py OUT.svg COMMAND...`."""

import io
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH = 100


def main(target: Path, commands: list[str]) -> int:
    """Run `commands` in order and write the picture; stops at the first that fails."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    for command in commands:
        console.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
        done = subprocess.run(  # noqa: S602 - these are the shell commands that our caller wrote
            command, shell=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        console.print(Text.from_ansi(done.stdout.rstrip("\n")))
        if done.returncode != 0:
            sys.stderr.write(f"{command}: exit status {done.returncode}\n{done.stdout}")
            return 1
    # Without rich's fonts from the network: the viewer's own monospaced font serves.
    target.write_text(re.sub(r"@font-face \{.*?\}\s*", "", console.export_svg(title="vkd"), flags=re.DOTALL))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
