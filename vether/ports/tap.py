"""A TAP device: the host's own network stack, or a bridge of it."""

import errno
import fcntl
import os
import struct
from ipaddress import ip_interface
from typing import Any

from vether.errors import HostLacksError, SpecError, VetherError
from vether.folder import Folder
from vether.ports.base import PortSpec
from vether.ports.interface import Interface, check_interface, check_mtu, commands, login
from vkd._native import Link

# linux/if_tun.h; python-pytun opens devices, but has no names for these.
_TUNSETOFFLOAD, _TUNSETVNETHDRSZ, _TUNSETVNETLE = 0x400454D0, 0x400454D8, 0x400454DC
_HEADER = 12
_CLONE = "/dev/net/tun"
#: What to ask for, the best first: TUN_F_CSUM, _TSO4, _TSO6, _TSO_ECN.
_OFFLOADS = (0b1111, 0b0111, 0b0011, 0b0001)
_INSTALL_PYTUN = "install it with: pip install python-pytun (it needs a C compiler and Python's headers)"


class TapPort(PortSpec, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="tap"):
    """A TAP with 64 KiB segments and partial checksums, as far as the kernel grants them."""

    #: The device; the port's name if not given. One that is there (`ip tuntap add`) is taken, otherwise it is made.
    device: str | None = None
    #: The host's bridge that it is enslaved to.
    bridge: str | None = None
    #: The host's addresses on it, as ADDRESS/PREFIX.
    host_addresses: tuple[str, ...] = ()
    #: MTU of the device; as it is if not given.
    mtu: int | None = None
    #: Whether the link is set up.
    up: bool = True

    @property
    def interface(self) -> str:
        """The device's name, given or not."""
        return self.device or self.name

    def check(self, where: str) -> None:
        """Raise `SpecError` for what a type cannot say."""
        check_interface(f"{where}.device", self.interface)
        if self.bridge is not None:
            check_interface(f"{where}.bridge", self.bridge)
        check_mtu(f"{where}.mtu", self.mtu)
        for i, address in enumerate(self.host_addresses):
            try:
                ip_interface(address)
            except ValueError as error:
                raise SpecError(f"{where}.host_addresses[{i}]: {error}", hint="like 10.77.0.1/24") from error
        if self.bridge is not None and self.host_addresses:
            raise SpecError(
                f"{where}.host_addresses: a bridge's port has none", hint="give the addresses to the bridge"
            )

    def open(self, folder: Folder) -> Link:
        """Open the device, set it up and make it a link. Raises `HostLacksError` where that is not permitted."""
        device = _attach(self.interface, commands(self.interface, **self._settings()))
        try:
            offloads = _set_up_offloads(device.fileno())
            self._configure()
            return Link.tap(device.fileno(), offloads)
        finally:
            # The link has a descriptor of its own.
            device.close()

    def _configure(self) -> None:
        if not (self.up or self.bridge or self.host_addresses or self.mtu):
            return
        with Interface(self.interface) as interface:
            interface.configure(**self._settings())

    def _settings(self) -> dict[str, Any]:
        return {"mtu": self.mtu, "bridge": self.bridge, "addresses": self.host_addresses, "up": self.up}

    def endpoint(self, folder: Folder) -> str:
        """Return the device's name."""
        return self.interface


def _attach(name: str, more: list[str]) -> Any:
    """Open the TAP `name`. A `TunTapDevice` of python-pytun.

    `more` is what root would have to do besides making it, if we may not.
    """
    try:
        import pytun  # noqa: PLC0415 - the one kind of port that needs it; not every host can build it
    except ImportError as error:
        raise HostLacksError(f"port {name}: TAPs need python-pytun", hint=_INSTALL_PYTUN) from error
    try:
        return pytun.TunTapDevice(name=name, flags=pytun.IFF_TAP | pytun.IFF_NO_PI | pytun.IFF_VNET_HDR)
    except pytun.Error as error:
        raise _explain(name, error, more) from error


def _explain(name: str, error: Exception, more: list[str]) -> VetherError:
    code = error.args[0] if error.args else None
    what = f"cannot open the TAP {name}: {os.strerror(code) if isinstance(code, int) else error}"
    if code in {errno.EPERM, errno.EACCES}:
        # By name: root's shell, where this is pasted, has another $USER.
        grants = [f"ip tuntap add dev {name} mode tap user {login()}", *more]
        if not os.access(_CLONE, os.R_OK | os.W_OK):
            # Distributions leave it open to all, since the rights are the devices' own; not every machine does.
            grants.insert(0, f"chmod 666 {_CLONE}")
        return HostLacksError(what, hint=f"let root grant it: {'; '.join(grants)}")
    if code in {errno.ENOENT, errno.ENODEV, errno.ENXIO}:
        return HostLacksError(what, hint=f"the kernel needs the module tun, and {_CLONE} must be there")
    if code == errno.EBUSY:
        return VetherError(what, hint="another program has it open; give another name with `device`")
    if code == errno.EINVAL:
        return VetherError(what, hint=f"a device {name} that is no TAP is there; give another name with `device`")
    return VetherError(what)


def _set_up_offloads(fd: int) -> int:
    """Have packets begin with 12 little-endian bytes, and return the offloads that the kernel granted (TUN_F_*)."""
    fcntl.ioctl(fd, _TUNSETVNETHDRSZ, struct.pack("i", _HEADER))
    fcntl.ioctl(fd, _TUNSETVNETLE, struct.pack("i", 1))
    for offloads in _OFFLOADS:
        try:
            fcntl.ioctl(fd, _TUNSETOFFLOAD, offloads)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
        else:
            return offloads
    fcntl.ioctl(fd, _TUNSETOFFLOAD, 0)
    return 0
