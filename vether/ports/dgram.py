"""One frame in each datagram, a unix socket for either side: QEMU's `-netdev dgram`."""

from pathlib import Path

from vether.errors import SpecError
from vether.folder import Folder
from vether.ports.base import SocketPort, check_path
from vkd._native import Link


class DgramPort(SocketPort, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="dgram"):
    """`ports/NAME` takes the peer's frames; `remote` is the peer's socket."""

    #: Path of the peer's socket, which the peer makes.
    remote: str

    def check(self, where: str) -> None:
        """Refuse what is no path."""
        if not self.remote.startswith("/") or "\0" in self.remote:
            raise SpecError(f"{where}.remote: {self.remote!r} is not an absolute path")

    def check_host(self, folder: Folder) -> None:
        """Raise `HostLacksError` if a path is too long."""
        super().check_host(folder)
        check_path(self.name, Path(self.remote))

    def open(self, folder: Folder) -> Link:
        """Bind; the peer is found as soon as it is there."""
        return Link.dgram(folder.socket(self.name), self.remote)
