"""What all kinds of ports have in common."""

import os
from pathlib import Path
from typing import Any

from vether.captures import CaptureSpec
from vether.errors import HostLacksError
from vether.folder import MAX_SOCKET_PATH, Folder
from vether.neighbours.spec import PortStpSpec
from vether.netem import NetemSpec
from vether.ports.policy import PolicySpec
from vkd._native import Link


class PortSpec(PolicySpec, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """A port: where it is (`name`), who lives behind it, as far as that is known, and what may pass.

    The keys of this struct change while frames flow. A change of a key that a kind adds opens the port anew.
    """

    name: str
    #: The MAC address of who is behind it; with `address` it gets that lease.
    mac: str | None = None
    #: Its IPv4 address in the network.
    address: str | None = None
    #: The name it is found under; `name` if not given.
    hostname: str | None = None
    #: Frames do not pass between ports of the same split-horizon group; 0 is none.
    split_horizon: int = 0
    #: What its cable does to frames from the beginning on.
    netem: NetemSpec | None = None
    #: Where what passes is recorded, from before the port exists on.
    capture: CaptureSpec | None = None
    #: The port's part of the spanning tree, where there is one.
    stp: PortStpSpec | None = None

    @classmethod
    def tag(cls) -> str:
        """Return the name of the kind."""
        return str(cls.__struct_config__.tag)

    def settings(self) -> dict[str, Any]:
        """Return what the datapath is told of the port, again when it changes: the keywords of `Switch.set_port`."""
        return {"split_horizon": self.split_horizon, "policy": self.policy()}

    def is_same_link(self, other: "PortSpec") -> bool:
        """Whether the link of `other` is this one's, so that settings are all that may differ."""
        own = [name for name in self.__struct_fields__ if name not in PortSpec.__struct_fields__]
        return type(self) is type(other) and all(getattr(self, name) == getattr(other, name) for name in own)

    def check(self, where: str) -> None:
        """Raise `SpecError` for what a type cannot say; `where` names the port. Of the kind's own keys only."""

    def check_host(self, folder: Folder) -> None:
        """Raise `HostLacksError` if the port cannot be in `folder`. Nothing is opened."""

    def open(self, folder: Folder) -> Link:
        """Open the port's outer side. Raises `OSError`, which the caller explains, or `VetherError`."""
        raise NotImplementedError

    def endpoint(self, folder: Folder) -> str | None:
        """Return where a peer finds the port: a path, or an address."""
        raise NotImplementedError


def check_path(name: str, path: Path) -> None:
    """Raise `HostLacksError` if a unix socket of the port `name` cannot be called `path`."""
    if len(os.fsencode(path)) > MAX_SOCKET_PATH:
        raise HostLacksError(
            f"the path of port {name} is too long for a unix socket: {path}",
            hint=f"give a shorter folder with --dir (the whole path may have {MAX_SOCKET_PATH} bytes)",
        )


class SocketPort(PortSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A port that is a unix socket in the runtime folder."""

    def check_host(self, folder: Folder) -> None:
        """Raise `HostLacksError` if the socket's path is too long."""
        check_path(self.name, folder.socket(self.name))

    def endpoint(self, folder: Folder) -> str:
        """Return the socket's path."""
        return str(folder.socket(self.name))
