"""A raw interface of the host: frames as they are on the wire, both ways (packet(7))."""

import contextlib
import errno
import os
import socket
import struct

from vether.errors import HostLacksError, VetherError
from vether.folder import Folder
from vether.ports.base import PortSpec
from vether.ports.interface import check_interface, login
from vkd._native import Link

# linux/if_packet.h, linux/if_ether.h: what Python has no names for.
_SOL_PACKET, _ETH_P_ALL = 263, 3
_ADD_MEMBERSHIP, _AUXDATA, _VNET_HDR, _IGNORE_OUTGOING = 1, 8, 15, 23
_MR_PROMISC = 1
_SO_RCVBUFFORCE = 33
_BUFFER = 8 << 20


class RawPort(PortSpec, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="raw"):
    """An interface that is bridged without a bridge. The host's own stack does not see what comes in for others."""

    #: The interface; the port's name if not given.
    device: str | None = None
    #: Whether it takes frames for all addresses, as a switch has to.
    promiscuous: bool = True

    @property
    def interface(self) -> str:
        """The interface's name, given or not."""
        return self.device or self.name

    def check(self, where: str) -> None:
        """Raise `SpecError` for what a type cannot say."""
        check_interface(f"{where}.device", self.interface)

    def open(self, folder: Folder) -> Link:
        """Bind a packet socket. Raises `HostLacksError` where that is not permitted."""
        try:
            # Protocol 0: nothing comes in before it is bound.
            sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        except PermissionError as error:
            what = f"port {self.name}: no right to open the interface {self.interface} (CAP_NET_RAW)"
            raise HostLacksError(what, hint=_hint()) from error
        with sock:
            try:
                self._set_up(sock)
            except OSError as error:
                raise self._explain(error) from error
            return Link.raw(sock.fileno())

    def _set_up(self, sock: socket.socket) -> None:
        sock.setsockopt(_SOL_PACKET, _VNET_HDR, 1)
        sock.setsockopt(_SOL_PACKET, _AUXDATA, 1)
        sock.setsockopt(_SOL_PACKET, _IGNORE_OUTGOING, 1)
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
        index = socket.if_nametoindex(self.interface)
        if self.promiscuous:
            sock.setsockopt(_SOL_PACKET, _ADD_MEMBERSHIP, struct.pack("iHH8s", index, _MR_PROMISC, 0, b""))
        sock.bind((self.interface, _ETH_P_ALL))

    def _explain(self, error: OSError) -> VetherError:
        what = f"port {self.name}: cannot open the interface {self.interface}: {error.strerror or error}"
        if error.errno in {errno.ENODEV, errno.ENXIO} or error.args[:1] == ("no interface with this name",):
            return VetherError(f"port {self.name}: there is no interface {self.interface}", hint="`ip link` shows them")
        if error.errno == errno.ENETDOWN:
            return VetherError(what, hint=f"ip link set {self.interface} up")
        if error.errno == errno.ENOPROTOOPT:
            return HostLacksError(what, hint="it needs Linux 4.20 or later (PACKET_IGNORE_OUTGOING)")
        return VetherError(what)

    def endpoint(self, folder: Folder) -> str:
        """Return the interface's name."""
        return self.interface


def _hint() -> str:
    # Not a capability of Python's file: that would be every user's who runs this Python.
    start = f"setpriv --reuid={login()} --regid={os.getegid()} --init-groups"
    start += " --inh-caps=+net_raw --ambient-caps=+net_raw COMMAND"
    return f"run it as root, let root start it with this right alone: {start}; or as vether@.service, which has it"
