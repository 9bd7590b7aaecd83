"""Interfaces of the host, set up over netlink."""

import errno
import os
import pwd
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from ipaddress import ip_interface
from types import TracebackType
from typing import Any, NamedTuple, Self

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


class _Step(NamedTuple):
    """A change of an interface: what it does, root's command for it, and the act."""

    what: str
    command: str
    act: Callable[[], object]


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

        Raises `HostLacksError` with all that root would have to do if that is not permitted, `VetherError` if the
        kernel refuses it.
        """
        steps = list(self._steps(mtu, bridge, addresses, up))
        for i, step in enumerate(steps):
            try:
                step.act()
            except self._library.NetlinkError as error:
                reason = error.args[1] if len(error.args) > 1 else error
                message = f"{self.name}: cannot {step.what}: {reason}"
                if error.code in {errno.EPERM, errno.EACCES}:
                    rest = "; ".join(step.command for step in steps[i:])
                    raise HostLacksError(message, hint=f"let root do it: {rest}") from error
                raise VetherError(message) from error

    def _steps(self, mtu: int | None, bridge: str | None, addresses: Iterable[str], up: bool) -> Iterator[_Step]:
        link = self._link(self.name)
        index = link["index"]
        change = partial(self._netlink.link, "set", index=index)
        if mtu is not None and link.get_attr("IFLA_MTU") != mtu:
            yield _Step(f"set the MTU to {mtu}", _mtu(self.name, mtu), partial(change, mtu=mtu))
        if bridge is not None and link.get_attr("IFLA_MASTER") != (master := self._bridge(bridge)):
            yield _Step(f"enslave it to {bridge}", _enslave(self.name, bridge), partial(change, master=master))
        for text in addresses:
            if not self._has(index, text):
                yield _Step(f"give it {text}", _give(self.name, text), partial(self._add_address, index, text))
        if up and not link["flags"] & 1:
            yield _Step("set it up", _set_up(self.name), partial(change, state="up"))

    def _has(self, index: int, text: str) -> bool:
        address = ip_interface(text)
        rows = self._netlink.get_addr(family=2 if address.version == 4 else 10, index=index)
        own = {(row.get_attr("IFA_ADDRESS"), row["prefixlen"]) for row in rows}
        return (str(address.ip), address.network.prefixlen) in own

    def _add_address(self, index: int, text: str) -> None:
        address = ip_interface(text)
        self._netlink.addr("add", index=index, address=str(address.ip), prefixlen=address.network.prefixlen)

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


def login() -> str:
    """Return the name of the user who wants a right, or the number where there is no name."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def commands(name: str, *, mtu: int | None, bridge: str | None, addresses: Iterable[str], up: bool) -> list[str]:
    """Return the commands with which root makes an interface what :meth:`Interface.configure` does."""
    done = [_mtu(name, mtu)] if mtu is not None else []
    done += [_enslave(name, bridge)] if bridge is not None else []
    done += [_give(name, text) for text in addresses]
    return done + ([_set_up(name)] if up else [])


def _mtu(name: str, mtu: int) -> str:
    return f"ip link set {name} mtu {mtu}"


def _enslave(name: str, bridge: str) -> str:
    return f"ip link set {name} master {bridge}"


def _give(name: str, address: str) -> str:
    return f"ip addr add {address} dev {name}"


def _set_up(name: str) -> str:
    return f"ip link set {name} up"


def _library() -> Any:
    try:
        import pyroute2  # noqa: PLC0415 - slow to import, and of few kinds of ports
    except ImportError as error:
        hint = "install it: pip install pyroute2; or leave bridge, host_addresses and mtu out, and set up = false"
        raise HostLacksError(f"to set interfaces up needs pyroute2 ({error})", hint=hint) from error
    return pyroute2
