"""A connected socket that the daemon inherited: SEQPACKET or DGRAM with frames, STREAM with frames behind lengths."""

import os

from vether.errors import SpecError, VetherError
from vether.folder import Folder
from vether.ports.base import PortSpec
from vkd._native import Link


class FdPort(PortSpec, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="fd"):
    """The descriptor stays open with the daemon, so that the port may be removed and added again."""

    #: Its number in the daemon.
    fd: int

    def check(self, where: str) -> None:
        """Refuse what is no number of an inherited descriptor."""
        if not 3 <= self.fd < 1 << 20:
            raise SpecError(f"{where}.fd: {self.fd} is not the number of a descriptor (3 or more)")

    def open(self, folder: Folder) -> Link:
        """Duplicate it. Raises `VetherError` if it was not inherited: what the daemon opened itself is none's port."""
        hint = f"start `vether serve` with a connected socket as descriptor {self.fd}"
        try:
            inherited = os.get_inheritable(self.fd)
        except OSError:
            inherited = False
        if not inherited:
            raise VetherError(f"port {self.name}: no descriptor {self.fd} was inherited", hint=hint)
        try:
            return Link.inherited(self.fd)
        except OSError as error:
            what = f"port {self.name}: descriptor {self.fd} is no connected socket ({error.strerror})"
            raise VetherError(what, hint=hint) from error

    def endpoint(self, folder: Folder) -> str:
        """Return `fd:NUMBER`."""
        return f"fd:{self.fd}"
