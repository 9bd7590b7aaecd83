"""The command `vether`: its subcommands, and the edge where errors become lines on stderr and exit codes."""

import difflib
import errno
import sys
from functools import partial
from pathlib import Path
from typing import NoReturn

import click

from vether import __version__
from vether.cli.client import reload, show, stop
from vether.cli.decode import decode
from vether.cli.flush import flush
from vether.cli.key import key
from vether.cli.monitor import monitor
from vether.cli.ports import add, change, delete
from vether.cli.wrappers import capture, netem
from vether.control import ControlError, ProtocolError
from vether.errors import VetherError


class Commands(click.Group):
    """A group that says which commands there are."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that `args` begin with; an unknown one gets the nearest name, or all of them, as a hint."""
        name = args[0]
        if name not in self.commands and not name.startswith("-") and not ctx.resilient_parsing:
            near = difflib.get_close_matches(name, self.commands, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(self.commands)}"
            raise click.UsageError(f"There is no command {name!r}; {hint}", ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="vether", message="%(prog)s %(version)s")
def cli() -> None:
    """Run and ask virtual Ethernet switches in user space.

    Exit codes: 0 done, 1 failed, 2 wrong usage or specification, 3 no such switch, 5 the host lacks something.
    """


@cli.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--dir", "folder", type=click.Path(path_type=Path), help="Runtime folder (default: one per network).")
@click.option("--metrics", metavar="ADDRESS:PORT", help="Serve metrics there if FILE does not say where.")
def serve(file: Path, folder: Path | None, metrics: str | None) -> None:
    """Run the switch that FILE specifies, in the foreground, until SIGTERM."""
    # The event loop and the native module are for this command alone: the others start faster without.
    import trio  # noqa: PLC0415

    from vether import config  # noqa: PLC0415
    from vether import folder as folders  # noqa: PLC0415
    from vether.daemon import run  # noqa: PLC0415
    from vether.metrics.address import check_address  # noqa: PLC0415
    from vether.systemd.notify import Notifier  # noqa: PLC0415

    manager = Notifier.from_environment()
    spec = config.load(file)
    if metrics is not None:
        check_address("--metrics", metrics)
    place = folders.Folder(folder or folders.default(spec.name))
    trio.run(partial(run, spec, place, file=file.absolute(), metrics=metrics, manager=manager))


for command in (show, reload, add, delete, change, netem, capture, decode, flush, monitor, key, stop):
    cli.add_command(command)


def run() -> None:
    """Run the command line and exit."""
    try:
        cli.main(prog_name="vether", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except VetherError as error:
        _fail(error.message, error.hint, error.exit_code)
    except ControlError as error:
        code = {"invalid": 2, "unknown-op": 2, "host-lacks": 5}.get(error.code, 1)
        _fail(error.message, error.hint, code)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            _fail(f"cannot write the output: {error.strerror}", "make room there, or send it elsewhere", 1)
        _fail(str(error), None, 1)
    except ProtocolError as error:
        _fail(str(error), None, 1)


def _fail(message: str, hint: str | None, code: int) -> NoReturn:
    click.echo(f"vether: {message}", err=True)
    if hint:
        click.echo(f"  {hint}", err=True)
    sys.exit(code)
