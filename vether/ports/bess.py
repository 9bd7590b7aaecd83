"""Plain SEQPACKET, one frame in each message: User Mode Linux' vector transport `bess`."""

from vether.folder import Folder
from vether.ports.base import SocketPort
from vkd._native import Link


class BessPort(SocketPort, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="bess"):
    """`ports/NAME`, where one peer may be connected."""

    def open(self, folder: Folder) -> Link:
        """Listen."""
        return Link.bess(folder.socket(self.name))
