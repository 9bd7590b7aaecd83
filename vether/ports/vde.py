"""The control protocol of VDE and uml_switch: QEMU's `-netdev vde`, `vde_plug`, User Mode Linux' transport `daemon`."""

from vether.folder import Folder
from vether.ports.base import PortSpec, check_path
from vkd._native import Link

#: The longest name of a socket in a port's folder: what libvdeplug makes is `.PID-COUNT`, what we make a number.
_LONGEST = ".00000-00000"


class VdePort(PortSpec, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="vde"):
    """The folder `ports/NAME` with the socket `ctl`. Each client gets a port of its own: NAME.1, NAME.2, ..."""

    def check_host(self, folder: Folder) -> None:
        """Raise `HostLacksError` if a path is too long."""
        check_path(self.name, folder.socket(self.name) / _LONGEST)

    def open(self, folder: Folder) -> Link:
        """Listen."""
        return Link.vde(folder.socket(self.name))

    def endpoint(self, folder: Folder) -> str:
        """Return the folder, which VDE's programs want; `daemon` wants `ctl` in it."""
        return str(folder.socket(self.name))
