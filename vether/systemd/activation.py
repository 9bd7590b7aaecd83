"""sd_listen_fds(3): sockets that the service manager has opened and hands to the daemon that it starts."""

import os
import socket
from collections.abc import MutableMapping
from dataclasses import dataclass

_FIRST = 3
_VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID")


@dataclass(frozen=True)
class Inherited:
    """A descriptor from the manager, under the name that FileDescriptorName= gave it (empty if none)."""

    name: str
    fd: int

    def listener(self) -> socket.socket:
        """Return it as a listening unix stream socket. Raises `ValueError` that says what it is instead."""
        try:
            inherited = socket.socket(fileno=self.fd)
        except OSError as error:
            raise ValueError(f"descriptor {self.fd} is no socket") from error
        kind = (inherited.family, inherited.type, inherited.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
        if kind != (socket.AF_UNIX, socket.SOCK_STREAM, 1):
            inherited.detach()
            raise ValueError(f"descriptor {self.fd} is no listening unix stream socket")
        return inherited


def take_sockets(environment: MutableMapping[str, str] = os.environ) -> list[Inherited]:
    """Take LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES out of `environment`; return what they give to this process.

    The descriptors are not for processes that we start. Raises `ValueError` for numbers that are none.
    """
    pid, count, names, _ = (environment.pop(name, None) for name in _VARIABLES)
    if pid is None or count is None:
        return []
    if not all(text.isascii() and text.isdigit() for text in (pid, count)):
        raise ValueError(f"LISTEN_PID={pid} and LISTEN_FDS={count} must be numbers")
    if int(pid) != os.getpid():
        return []
    given = names.split(":") if names else []
    found = []
    for i in range(int(count)):
        try:
            os.set_inheritable(_FIRST + i, False)
        except OSError as error:
            raise ValueError(f"LISTEN_FDS={count}, but descriptor {_FIRST + i} is not open") from error
        found.append(Inherited(given[i] if i < len(given) else "", _FIRST + i))
    return found
