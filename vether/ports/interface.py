"""Interfaces of the host, set up over netlink."""

import errno
import re
from collections.abc import Iterable
from ipaddress import ip_interface
from types import TracebackType
from typing import Any, Self

from vether.errors import HostLacksError, SpecError, VetherError

#: IFNAMSIZ is 16 with its final zero byte; the kernel refuses a slash, a colon, white space, and both names of folders.
_INTERFACE = re.compile(r"(?!\.{1,2}\Z)[!-.0-9;-~]{1,15}\Z")
_MIN_MTU, _MAX_MTU = 68, 65521


def check_interface(where: str, name: str) -> None:
    """Raise `SpecError` if no interface can be called `name`."""
    if not _INTERFACE.match(name) or "%" in name:
        raise SpecError(f"{where}: {name!r} is not an interface's name", hint="up to 15 characters, without / and :")


def check_mtu(where: str, mtu: int | None) -> None:
    """Raise `SpecError` if `mtu` cannot be an interface's."""
    if mtu is not None and not _MIN_MTU <= mtu <= _MAX_MTU:
        raise SpecError(f"{where}: {mtu} is not between {_MIN_MTU} and {_MAX_MTU}")


class Interface:
    """An interface of this network namespace. A context manager: it holds a netlink socket."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._library = _library()
        self._netlink = self._library.IPRoute()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._netlink.close()

    def configure(self, *, mtu: int | None, bridge: str | None, addresses: Iterable[str], up: bool) -> None:
        """Set what is given; what is so already is not touched, so that no right is needed for it.

        Raises `HostLacksError` if that is not permitted, `VetherError` if the kernel refuses it.
        """
        link = self._link(self.name)
        index = link["index"]
        if mtu is not None and link.get_attr("IFLA_MTU") != mtu:
            self._do(f"set the MTU to {mtu}", f"mtu {mtu}", lambda: self._netlink.link("set", index=index, mtu=mtu))
        if bridge is not None and link.get_attr("IFLA_MASTER") != (master := self._bridge(bridge)):
            enslave = f"master {bridge}"
            self._do(f"enslave it to {bridge}", enslave, lambda: self._netlink.link("set", index=index, master=master))
        for text in addresses:
            self._add_address(index, text)
        if up and not link["flags"] & 1:
            self._do("set it up", "up", lambda: self._netlink.link("set", index=index, state="up"))

    def _add_address(self, index: int, text: str) -> None:
        address = ip_interface(text)
        family = 2 if address.version == 4 else 10
        have = {
            (row.get_attr("IFA_ADDRESS"), row["prefixlen"])
            for row in self._netlink.get_addr(family=family, index=index)
        }
        if (str(address.ip), address.network.prefixlen) in have:
            return
        settings = {"address": str(address.ip), "prefixlen": address.network.prefixlen}
        self._do(
            f"give it {text}",
            None,
            lambda: self._netlink.addr("add", index=index, **settings),
            f"ip addr add {text} dev {self.name}",
        )

    def _bridge(self, name: str) -> int:
        link = self._link(name)
        info = link.get_attr("IFLA_LINKINFO")
        if info is None or info.get_attr("IFLA_INFO_KIND") != "bridge":
            raise VetherError(f"{name} is not a bridge", hint=f"make one: ip link add {name} type bridge")
        return int(link["index"])

    def _link(self, name: str) -> Any:
        # By index: asked by name, the library also compares alternative names, and does not find all.
        for link in self._netlink.get_links():
            if link.get_attr("IFLA_IFNAME") == name:
                return link
        raise VetherError(f"there is no interface {name}", hint="`ip link` shows those that there are")

    def _do(self, what: str, setting: str | None, act: Any, command: str | None = None) -> None:
        try:
            act()
        except self._library.NetlinkError as error:
            message = f"{self.name}: cannot {what}: {error.args[1] if len(error.args) > 1 else error}"
            if error.code in {errno.EPERM, errno.EACCES}:
                command = command or f"ip link set {self.name} {setting}"
                raise HostLacksError(message, hint=f"let root do it: {command}") from error
            raise VetherError(message) from error


def _library() -> Any:
    try:
        import pyroute2  # noqa: PLC0415 - slow to import, and of few kinds of ports
    except ImportError as error:
        hint = "install it: pip install pyroute2; or leave bridge, host_addresses and mtu out, and set up = false"
        raise HostLacksError(f"to set interfaces up needs pyroute2 ({error})", hint=hint) from error
    return pyroute2
