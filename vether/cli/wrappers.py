"""`vether netem` and `vether capture`: impairments and captures of a running switch."""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import click

from vether.cli.client import connect, folder_option, print_table
from vether.control.client import Client
from vether.errors import SpecError, VetherError, hint_to_write
from vether.netem import parse_words

_HELP = """Impair what passes a port of NETWORK, or show what does.

\b
  vether netem lan web loss=1% delay=20ms+-5ms   change these settings, keep all others
  vether netem lan web --out rate=10Mbit         only what goes out to the port's peer
  vether netem lan web --clear                   impair nothing any more
  vether netem show lan                          all impairments (or: netem lan web)

\b
Settings:
  loss=SHARE[,CORRELATION]    gemodel=P,R,1-H,1-K     loss, single or in bursts (Gilbert-Elliott)
  delay=20ms[+-5ms][,CORR]    jitter=5ms  distribution=uniform|normal|pareto  ordered=yes
  duplicate=SHARE[,CORR]      corrupt=SHARE[,CORR]    reorder=SHARE[,CORR] (needs a delay)
  rate=10Mbit                 burst=16KiB queue=64KiB
  seed=7                      the same seed gives the same losses to the same frames
"""


def _directions(command: Any) -> Any:
    out = click.option("--out", "only_out", is_flag=True, help="Only what goes out to the port's peer.")
    return click.option("--in", "only_in", is_flag=True, help="Only what comes in from the port's peer.")(out(command))


def _direction(only_in: bool, only_out: bool) -> str | None:
    return None if only_in == only_out else "in" if only_in else "out"


@click.command(help=_HELP, short_help="Impair what passes a port: loss, delay, bandwidth.")
@click.argument("words", nargs=-1, metavar="[show] [NETWORK] [PORT] [KEY=VALUE]...")
@folder_option
@_directions
@click.option("--clear", is_flag=True, help="Forget all other settings.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def netem(
    words: tuple[str, ...], folder: Path | None, *, only_in: bool, only_out: bool, clear: bool, as_json: bool
) -> None:
    """Take words apart: the help is the command's."""
    rest = list(words)
    if showing := bool(rest) and rest[0] == "show":
        rest.pop(0)
    network = rest.pop(0) if folder is None and rest and "=" not in rest[0] else None
    port = rest.pop(0) if rest and "=" not in rest[0] else None
    settings = parse_words(rest)
    changing = bool(settings) or clear
    if changing and (showing or port is None):
        raise SpecError("settings need a port", hint="vether netem NETWORK PORT KEY=VALUE...")
    direction = _direction(only_in, only_out)
    with connect(network, folder) as client:
        if port is not None:
            rows = client.call("netem", port=port, direction=direction, set=settings, clear=clear)
        else:
            rows = client.call("show", what="netem")
    if direction is not None:
        rows = [row for row in rows if row["direction"] == direction]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    elif not changing:
        print_table(rows)


@click.command()
@click.argument("network", required=False)
@folder_option
@click.option("--port", "ports", multiple=True, help="The port; may be given again. All ports if not given.")
@_directions
@click.option("-w", "file", required=True, help="Where to: a file, a named pipe, or - for standard output.")
@click.option("--filter", "text", default="", help="Which frames, for example 'udp port 53 or arp'.")
@click.option("--snaplen", default=0, help="Bytes to keep of each frame (default: all).")
def capture(
    network: str | None,
    folder: Path | None,
    *,
    ports: tuple[str, ...],
    file: str,
    text: str,
    snaplen: int,
    only_in: bool,
    only_out: bool,
) -> None:
    """Write what passes ports of NETWORK as pcapng, until interrupted.

    For Wireshark: vether capture lan --port web -w - | wireshark -k -i -
    """
    with connect(network, folder, timeout=None) as client:
        arguments = {"direction": _direction(only_in, only_out) or "both", "filter": text, "snaplen": snaplen}
        stream = client.stream("capture", ports=list(ports) or None, **arguments)
        # The first answer says that all is well: a file is not made for a mistake.
        first = next(stream)
        # Whoever waits for the file may interrupt as soon as it is there.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, _frame: _end(client, number))
        fd = _open(file)
        try:
            _write(fd, first)
            while True:
                _write(fd, next(stream))
        except StopIteration as end:
            tally = end.value
            lost = f", {tally['lost']} lost" if tally["lost"] else ""
            click.echo(f"{tally['packets']} frames{lost}", err=True)
        except BrokenPipeError:
            return


def _end(client: Client, number: int) -> None:
    """End well at the first signal, and at once at the second."""
    signal.signal(number, signal.SIG_DFL)
    client.hang_up()


def _open(file: str) -> int:
    if file == "-":
        if sys.stdout.isatty():
            raise SpecError("pcapng is not for a terminal", hint="pipe it to: wireshark -k -i -   or: vether decode -")
        return sys.stdout.fileno()
    try:
        return os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise VetherError(f"cannot write {file}: {error.strerror}", hint=hint_to_write(Path(file), error)) from error


def _write(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]
