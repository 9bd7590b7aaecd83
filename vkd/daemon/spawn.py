"""Starting the daemon from a command line: it returns when the control socket answers, or raises what went wrong."""

import json
import os
import subprocess
from pathlib import Path

from vether.control import ControlError
from vether.control.client import Client
from vkd import python
from vkd.api import from_control
from vkd.errors import HostLacksError, VkdError
from vkd.paths import control_socket, ensure_private, ensure_runtime_dir, state_dir

#: The daemon's log, in the state folder.
LOG = "daemon.log"

_PATIENCE = 30.0


def running(timeout: float = 5.0) -> bool:
    """Whether a daemon answers at the control socket."""
    try:
        with Client(control_socket(), timeout) as client:
            client.call("ping")
    except (OSError, ControlError):
        return False
    return True


def spawn() -> None:
    """Start a daemon that ends by itself when it has nothing left to do, unless one runs. Raises `VkdError`."""
    if running():
        return
    ensure_runtime_dir()
    log = ensure_private(state_dir()) / LOG
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as answer:
        try:
            _start(log, writer)
        finally:
            os.close(writer)
        said = answer.read()
    if said == b"ok\n" or running():  # another command may have started one at the same time
        return
    raise _failure(said, log)


def _start(log: Path, ready: int) -> None:
    """Start it with a parent that ends at once, so that it is nobody's child and in a session of its own."""
    try:
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise HostLacksError(
            f"cannot write {log}: {error.strerror}", hint="set VKD_STATE_DIR to another folder"
        ) from error
    argv = python.argv("vkd.daemon", "--on-demand", "--ready-fd", str(ready))
    try:
        subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            env=python.environment(),
            start_new_session=True,
            pass_fds=(ready,),
            check=False,
            timeout=_PATIENCE,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise VkdError(f"cannot start the vkd daemon: {error}", hint=f"its log is {log}") from error
    finally:
        os.close(output)


def _failure(said: bytes, log: Path) -> VkdError:
    try:
        return from_control(ControlError.from_message_untrusted(json.loads(said)["error"]))
    except (ValueError, KeyError, TypeError):
        return VkdError("the vkd daemon ended before it was ready", hint=f"its log is {log}")
