"""Frames behind their lengths in a stream: QEMU's `-netdev stream`."""

import errno
from ipaddress import IPv4Address, ip_address

from vether.errors import HostLacksError, SpecError, VetherError
from vether.folder import Folder
from vether.ports.base import SocketPort
from vkd._native import Link


class StreamPort(SocketPort, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="stream"):
    """`ports/NAME`, or a TCP port of this machine, where one peer may be connected."""

    #: `ADDRESS:PORT` to listen at in place of the unix socket: 127.0.0.1:7000, [::1]:7000.
    listen: str | None = None

    def check(self, where: str) -> None:
        """Refuse what is no TCP address of the machine itself."""
        if self.listen is not None:
            address, _ = self._tcp(f"{where}.listen")
            if not ip_address(address).is_loopback:
                hint = "whoever reaches the address is on the network; let ssh or a tunnel carry it from other machines"
                raise SpecError(f"{where}.listen: {address} is not an address of the loopback interface", hint=hint)

    def check_host(self, folder: Folder) -> None:
        """Raise `HostLacksError` if the socket's path is too long."""
        if self.listen is None:
            super().check_host(folder)

    def open(self, folder: Folder) -> Link:
        """Listen."""
        if self.listen is None:
            return Link.stream(folder.socket(self.name))
        address, port = self._tcp("listen")
        try:
            return Link.stream_tcp(ip_address(address), port)
        except OSError as error:
            what = f"port {self.name} cannot listen at {self.listen}: {error.strerror}"
            if error.errno == errno.EACCES:
                raise HostLacksError(what, hint="ports below 1024 need root; take a higher one") from error
            hint = "another program has it; take another port" if error.errno == errno.EADDRINUSE else None
            raise VetherError(what, hint=hint) from error

    def endpoint(self, folder: Folder) -> str:
        """Return the socket's path, or `tcp:ADDRESS:PORT`."""
        return super().endpoint(folder) if self.listen is None else f"tcp:{self.listen}"

    def _tcp(self, where: str) -> tuple[str, int]:
        address, _, port = (self.listen or "").rpartition(":")
        try:
            number = int(port) if port.isdecimal() else 0
            parsed = ip_address(address[1:-1] if address[:1] == "[" and address[-1:] == "]" else address)
            if 1 <= number <= 65535 and isinstance(parsed, IPv4Address) == (address[:1] != "["):
                return str(parsed), number
        except ValueError:
            pass
        raise SpecError(f"{where}: {self.listen!r} is not ADDRESS:PORT", hint="such as 127.0.0.1:7000 or [::1]:7000")
