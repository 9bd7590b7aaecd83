"""Free TCP ports of the host's loopback, for the guests' ssh."""

import socket
from collections.abc import Collection

from vkd.errors import HostLacksError

_TRIES = 64


def free_port(taken: Collection[int]) -> int:
    """Return a port of 127.0.0.1 that nobody listens on and that is not in `taken`. Raises `HostLacksError`."""
    for _ in range(_TRIES):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
            sock.bind(("127.0.0.1", 0))
            port: int = sock.getsockname()[1]
        if port not in taken:
            return port
    raise HostLacksError("no TCP port of 127.0.0.1 is free for a guest's ssh", hint="see net.ipv4.ip_local_port_range")
