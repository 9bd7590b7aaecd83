"""`vether decode`: frames of a capture as text, by scapy, which is imported here and nowhere else."""

import logging
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import click

from vether.errors import HostLacksError, VetherError

_INSTALL_SCAPY = "install it: pip install 'vkd[decode]'"


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@click.option("--count", type=click.IntRange(min=1), help="Stop after so many frames.")
@click.option("-v", "--verbose", is_flag=True, help="Show all fields.")
def decode(file: Path, count: int | None, *, verbose: bool) -> None:
    """Print the frames of FILE (pcapng or pcap), or of standard input (-), one on a line.

    While it runs: vether capture lan --port web -w - | vether decode -
    """
    for number, packet in enumerate(_packets_untrusted(file), 1):
        click.echo(_line(number, packet))
        if verbose:
            click.echo(packet.show(dump=True))
        if number == count:
            break


def _packets_untrusted(file: Path) -> Iterator[Any]:
    try:
        logging.getLogger("scapy").setLevel(logging.ERROR)
        from scapy.error import Scapy_Exception  # noqa: PLC0415 - optional, and slow to import
        from scapy.layers import all as _layers  # noqa: F401, PLC0415 - what frames may hold
        from scapy.utils import PcapReader  # noqa: PLC0415
    except ImportError as error:
        raise HostLacksError(f"decoding needs scapy ({error})", hint=_INSTALL_SCAPY) from error
    try:
        with _open(file) as stream, PcapReader(stream) as reader:  # type: ignore[arg-type]
            yield from reader
    except OSError as error:
        raise VetherError(f"cannot read {file}: {error.strerror or error}") from error
    except (Scapy_Exception, EOFError, ValueError, IndexError) as error:
        raise VetherError(f"{file}: not a whole capture: {error}", hint="pcapng or pcap is wanted") from error


def _open(file: Path) -> BinaryIO:
    return sys.stdin.buffer if str(file) == "-" else file.open("rb")


def _line(number: int, packet: Any) -> str:
    time = datetime.fromtimestamp(float(packet.time)).astimezone().strftime("%H:%M:%S.%f")
    arrow = {1: "<-", 2: "->"}.get(packet.direction or 0, "--")
    where = packet.sniffed_on
    where = where.decode(errors="replace") if isinstance(where, bytes) else where or "-"
    comments = getattr(packet, "comments", None) or []
    notes = "".join(f"  [{note.decode(errors='replace')}]" for note in comments if isinstance(note, bytes))
    return f"{number:5} {time} {where} {arrow} {packet.wirelen or len(packet)} {packet.summary()}{notes}"
