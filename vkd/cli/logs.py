"""`vkd logs`: what a guest's console has said."""

import os
import sys
import time
from collections.abc import Generator
from pathlib import Path

import click

from vkd.cli.client import inspect
from vkd.cli.complete import guests
from vkd.cli.escapes import Tamer

_CHUNK = 65536
_INTERVAL = 0.2


@click.command()
@click.argument("name", shell_complete=guests)
@click.option("-f", "--follow", "on", is_flag=True, help="Go on printing what the console says, until Ctrl-C.")
@click.option("-n", "--lines", type=click.IntRange(min=0), help="Begin so many lines before the end.")
def logs(name: str, on: bool, lines: int | None) -> None:
    """Print what a guest's console has said, over its restarts.

    Text and colours only, no other control sequences; the folder that `vkd inspect` names has all, in console.log.
    """
    path = Path(inspect(name).folder) / "console.log"
    out = sys.stdout.buffer
    # The console is the guest's: what would make a terminal answer or change is left out. The file has it all.
    tamed = Tamer().feed_untrusted
    for data in read_log(path, lines):
        out.write(tamed(data))
    out.flush()
    if on:
        for data in follow_log(path):
            out.write(tamed(data))
            out.flush()


def read_log(path: Path, lines: int | None) -> Generator[bytes, None, None]:
    """Yield the log, older part first (`PATH.1`, where it was cut), or its last `lines` lines."""
    files = [file for file in (path.with_name(f"{path.name}.1"), path) if file.exists()]
    if lines is not None:
        # Both parts together are bounded (the vkernel sees to it), so they may be read whole.
        tail = b"".join(file.read_bytes() for file in files).splitlines(keepends=True)
        yield b"".join(tail[len(tail) - min(lines, len(tail)) :])
        return
    for file in files:
        with file.open("rb") as opened:
            while data := opened.read(_CHUNK):
                yield data


def follow_log(path: Path) -> Generator[bytes, None, None]:
    """Yield what is added to the log from now on; begins anew when it is cut or replaced, ends when it is removed."""
    if not path.exists():
        return
    opened = path.open("rb")
    opened.seek(0, os.SEEK_END)
    while True:
        while data := opened.read(_CHUNK):
            yield data
        try:
            now = path.stat()
        except FileNotFoundError:
            opened.close()
            return
        if now.st_ino != os.fstat(opened.fileno()).st_ino or now.st_size < opened.tell():
            yield opened.read()  # what came between the last read and the cut
            opened.close()
            opened = path.open("rb")
        else:
            time.sleep(_INTERVAL)
