"""The edge: here, and only here, errors become lines on stderr and exit codes. No user sees a traceback.

`VKD_DEBUG=1` shows the traceback of an unexpected error.
"""

import os
import re
import sys
import traceback
from collections.abc import Sequence

import click

from vether.control import ControlError, ProtocolError
from vkd.api import from_control
from vkd.cli.app import vkd
from vkd.errors import VkdError

_PLACE = re.compile(r"[^\n]*?\.toml:(\d+:)? ")

FAILED = 1
USAGE = 2
INTERRUPTED = 130


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command line (by default the process's own) and return its exit code."""
    try:
        result = vkd.main(arguments, prog_name="vkd", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has enough; without this the interpreter would complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except click.UsageError as error:
        error.show()
        return USAGE
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except Exception as error:
        return _report(error)
    return result if isinstance(result, int) else 0


def _report(error: Exception) -> int:
    if isinstance(error, ControlError):
        error = from_control(error)
    if isinstance(error, VkdError):
        # Lines such as `FILE:LINE: …` are for tools too, so nothing goes before them.
        _say(error.message if _PLACE.match(error.message) else f"vkd: {error.message}")
        if error.hint:
            _say(f"  hint: {error.hint}")
        return error.exit_code
    if isinstance(error, click.ClickException):
        error.show()
        return error.exit_code
    if isinstance(error, (TimeoutError, ConnectionError, ProtocolError)):
        _say(f"vkd: lost the daemon: {error or type(error).__name__}")
        _say("  hint: guests run on without it; try again, a new daemon takes them over")
    else:
        _say(f"vkd: unexpected: {type(error).__name__}: {error}".splitlines()[0])
        _say("  hint: VKD_DEBUG=1 shows where; please report it")
    if os.environ.get("VKD_DEBUG"):
        _say("".join(traceback.format_exception(error)))
    return FAILED


def _say(text: str) -> None:
    click.echo(text, err=True)
