"""A service manager as a daemon sees it: a datagram socket that hears how it is, and sockets that it hands over."""

import os
import secrets
import socket
import sys
import time
from collections.abc import Sequence
from typing import Any

PATIENCE = 30.0

#: Becomes its arguments, as the process that LISTEN_PID means, with the socket LISTENER as descriptor 3.
_HAND_OVER = (
    "import os, sys; os.dup2(int(os.environ.pop('LISTENER')), 3); os.environ['LISTEN_PID'] = str(os.getpid());"
    "os.execv(sys.argv[1], sys.argv[1:])"
)


class Manager:
    """Hears what services say. Messages are maps of their lines."""

    def __init__(self, address: str | None = None) -> None:
        """`address`: a path; an abstract name if not given."""
        self.address = address or f"@vkd-test-{secrets.token_hex(8)}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{self.address[1:]}" if self.address[0] == "@" else self.address)

    def __enter__(self) -> "Manager":
        return self

    def __exit__(self, *exc: object) -> None:
        self._socket.close()

    def receive(self, seconds: float = PATIENCE) -> dict[str, str] | None:
        """Return the next message; None if there is none for so long."""
        self._socket.settimeout(seconds)
        try:
            text = self._socket.recv(65536).decode()
        except TimeoutError:
            return None
        return dict(line.split("=", 1) for line in text.split("\n"))

    def until(self, key: str, value: str | None = None) -> dict[str, str]:
        """Return the next message that has `key`, with that value if one is given; pass the others over."""
        deadline = time.monotonic() + PATIENCE
        while (left := deadline - time.monotonic()) > 0:
            message = self.receive(left)
            if message is not None and key in message and value in {None, message[key]}:
                return message
        raise AssertionError(f"no {key} within {PATIENCE} s")

    def drain(self) -> None:
        """Forget what was said until now."""
        while self.receive(0.01):
            pass


def handing_over(listener: socket.socket, command: Sequence[str], **environment: str) -> dict[str, Any]:
    """Return what `Popen` is to be called with, so that `command` finds `listener` at descriptor 3."""
    # Not 3 itself: the interpreter that hands over has it from Popen under the number that it has here.
    return {
        "args": [sys.executable, "-c", _HAND_OVER, *command],
        "pass_fds": (listener.fileno(),),
        "env": {**os.environ, "LISTENER": str(listener.fileno()), "LISTEN_FDS": "1", **environment},
    }
