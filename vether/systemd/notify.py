"""sd_notify(3): a daemon tells its service manager how it is, and proves that its event loop turns.

Messages are lines `KEY=VALUE` in a datagram to the socket that NOTIFY_SOCKET names: a path, or an abstract name behind
`@`.
"""

import logging
import os
import socket
import time
from collections.abc import Callable, MutableMapping

import trio

from vether.systemd import VARIABLES

log = logging.getLogger(__name__)

#: A manager that does not read is waited for so long, seconds: the event loop stands still meanwhile.
_PATIENCE = 1.0

#: The longest between looks at the status, seconds.
_STATUS_PERIOD = 5.0


class Notifier:
    """The way to the service manager. Without `address` there is none, and nothing happens."""

    def __init__(self, address: str | None = None, watchdog: float | None = None) -> None:
        """`watchdog`: the manager takes us for dead when it has heard nothing for so long, seconds."""
        self.watchdog = watchdog
        self._address = address
        self._status: str | None = None

    @classmethod
    def from_environment(cls, environment: MutableMapping[str, str] = os.environ) -> "Notifier":
        """Take NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID out of `environment`; what makes no sense is ignored."""
        address, period, pid = (environment.pop(name, None) for name in VARIABLES)
        if not address:
            return cls()
        if address[0] not in "/@" or len(address) < 2:
            log.warning("NOTIFY_SOCKET=%s is neither a path nor an abstract name; nobody is notified", address)
            return cls()
        if period is None or pid not in {None, str(os.getpid())}:
            return cls(address)
        if not (period.isascii() and period.isdigit()) or int(period) == 0:
            log.warning("WATCHDOG_USEC=%s is no number of microseconds; there is no watchdog", period)
            return cls(address)
        return cls(address, int(period) / 1e6)

    def ready(self, status: str) -> None:
        """Say that the service answers, after its start or a reload."""
        self._status = status
        self._send(f"READY=1\nSTATUS={_line(status)}")

    def reloading(self) -> None:
        """Say that the configuration is being read anew; `ready` ends it."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Say that the service ends."""
        self._send("STOPPING=1")

    async def run(self, status: Callable[[], str]) -> None:
        """Feed the watchdog twice in its period or more often, and tell the status where it changed, until cancelled.

        To be run in the loop that serves: when that stands still, the manager notices.
        """
        if self._address is None:
            return
        period = _STATUS_PERIOD if self.watchdog is None else min(self.watchdog / 2, _STATUS_PERIOD)
        while True:
            lines = [] if self.watchdog is None else ["WATCHDOG=1"]
            if (now := status()) != self._status:
                self._status = now
                lines.append(f"STATUS={_line(now)}")
            if lines:
                self._send("\n".join(lines))
            await trio.sleep(period)

    def _send(self, message: str) -> None:
        if self._address is None:
            return
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.settimeout(_PATIENCE)
                sender.sendto(message.encode(errors="replace"), os.fsencode(address))
        except OSError as error:
            log.warning("cannot notify the service manager at %s: %s", self._address, error)


def _line(text: str) -> str:
    """Return `text` as one line: what stood in another would be an assignment of its own."""
    return " ".join(text.split())
