"""A guest of vkd: a listening SEQPACKET socket; each packet has a virtio-net header in front."""

from vether.folder import Folder
from vether.ports.base import SocketPort
from vkd._native import Link


class GuestPort(SocketPort, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="guest"):
    """`ports/NAME`: 64 KiB segments and partial checksums pass, once the peer says that it takes them."""

    def open(self, folder: Folder) -> Link:
        """Listen."""
        return Link.guest(folder.socket(self.name))
