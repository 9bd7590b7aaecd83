"""The control socket of a daemon that systemd started: it listens already, so that no command waits for the daemon."""

import os
import socket
from collections.abc import MutableMapping
from pathlib import Path

from vether.systemd.activation import Inherited, take_sockets
from vkd.errors import VkdError
from vkd.paths import control_socket

#: FileDescriptorName= of the control socket; needed where the daemon gets other sockets, too.
NAME = "control"


def take_control_socket(environment: MutableMapping[str, str] = os.environ) -> socket.socket | None:
    """Return the control socket that the service manager hands over, if it does. Raises `VkdError` if it is wrong."""
    try:
        given = take_sockets(environment)
        if not given:
            return None
        control = _choose(given).listener()
    except ValueError as error:
        hint = f"vkd.socket needs one ListenStream=, with FileDescriptorName={NAME}"
        raise VkdError(f"the service manager's socket cannot be used: {error}", hint=hint) from error
    if not _is_at(control):
        where = os.fsdecode(control.getsockname()) or "an unnamed place"
        control.close()
        raise VkdError(
            f"the service manager listens at {where}, but commands will look for {control_socket()}",
            hint="let ListenStream= and VKD_RUNTIME_DIR name the same folder",
        )
    return control


def _choose(given: list[Inherited]) -> Inherited:
    """Return the only socket, or the only one that has the name. Raises `ValueError`."""
    named = [one for one in given if one.name == NAME] if len(given) > 1 else given
    if len(named) != 1:
        names = ", ".join(one.name or "(none)" for one in given)
        raise ValueError(f"of {len(given)} sockets one must be named {NAME}; they are: {names}")
    return named[0]


def _is_at(control: socket.socket) -> bool:
    """Whether the socket was bound where commands will connect, by whatever way there."""
    try:
        return Path(os.fsdecode(control.getsockname())).samefile(control_socket())
    except (OSError, ValueError):
        return False
