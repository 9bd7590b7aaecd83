"""What makes one guest of an image: names, addresses and keys, as a small cpio archive behind the initramfs.

The kernel unpacks both archives one after the other, so no image is rebuilt for a guest. `tiny` reads these files; a
guest with OpenSSH finds its host key in the usual place as well. Source of the concatenation rule: Linux,
Documentation/driver-api/early-userspace/buffer-format.rst.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface
from pathlib import PurePosixPath

from vkd.images.cpio import Entry, directory, file, pack, with_parents
from vkd.images.keys import dropbear_key, load_ed25519, public_line

HOSTNAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)")
MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
DHCP = "dhcp"
LOOPBACK = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"
FOLDER_MODES = {"root": 0o700, "root/.ssh": 0o700}


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface, known by its MAC address (lower case, colons).

    `addresses` are of the form `10.0.0.2/24`, IPv4 or IPv6, or `dhcp`; none leaves the interface up without an address.
    """

    mac: str
    addresses: tuple[str, ...] = ()
    gateway: str | None = None
    dns: tuple[str, ...] = ()
    mtu: int | None = None

    def __post_init__(self) -> None:
        if not MAC.fullmatch(self.mac):
            raise ValueError(f"not a MAC address in lower case: {self.mac!r}")
        for address in self.addresses:
            if address != DHCP:
                _interface(address)
        for host in (*self.dns, *([self.gateway] if self.gateway else [])):
            ip_address(host)
        if self.mtu is not None and not 68 <= self.mtu <= 65535:
            raise ValueError(f"not an MTU: {self.mtu}")


@dataclass(frozen=True, slots=True)
class Mount:
    """A data disk to mount: device, folder, file-system type and options, as in fstab(5)."""

    source: str
    target: str
    fstype: str = "ext4"
    options: str = "defaults"

    def __post_init__(self) -> None:
        for word in (self.source, self.target, self.fstype, self.options):
            if not word or re.search(r"\s", word):
                raise ValueError(f"not a word for fstab: {word!r}")
        if not self.target.startswith("/"):
            raise ValueError(f"not an absolute path: {self.target!r}")


@dataclass(frozen=True, slots=True)
class File:
    """An extra file in the guest: absolute path, content and permissions."""

    path: str
    content: bytes
    mode: int = 0o644

    def __post_init__(self) -> None:
        parts = self.path.split("/")
        if parts[0] or len(parts) < 2 or any(part in {"", ".", ".."} for part in parts[1:]) or "\0" in self.path:
            raise ValueError(f"not an absolute path to a file: {self.path!r}")
        if not 0 <= self.mode <= 0o7777:
            raise ValueError(f"not a file mode: {self.mode:o}")


@dataclass(frozen=True, slots=True)
class Identity:
    """One guest's identity. `host_key` is an OpenSSH Ed25519 private key (PEM); `hosts` maps names to addresses.

    `run` is a script that starts when ssh answers; `environment` holds for it and for login shells. Everything is
    checked here: raises ValueError that says which value is wrong.
    """

    hostname: str
    interfaces: tuple[Interface, ...] = ()
    hosts: Mapping[str, str] = field(default_factory=dict)
    host_key: bytes = b""
    authorized_keys: tuple[str, ...] = ()
    files: tuple[File, ...] = ()
    mounts: tuple[Mount, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    run: str | None = None

    def __post_init__(self) -> None:
        if not HOSTNAME.fullmatch(self.hostname):
            raise ValueError(f"not a host name: {self.hostname!r}")
        for name, address in self.hosts.items():
            if not all(HOSTNAME.fullmatch(label) for label in name.split(".")):
                raise ValueError(f"not a host name: {name!r}")
            ip_address(address)
        for name, value in self.environment.items():
            if not VARIABLE.fullmatch(name) or "\0" in value:
                raise ValueError(f"not an environment variable: {name!r}")
        for line in self.authorized_keys:
            if not line.strip() or "\n" in line.strip():
                raise ValueError(f"not one line of a public key: {line!r}")
        if self.host_key:
            load_ed25519(self.host_key)

    def cpio(self) -> bytes:
        """Return the archive to append to an initramfs; the same identity gives the same bytes."""
        entries = {entry.name: entry for entry in self._entries()}
        return pack(with_parents((entries[name] for name in sorted(entries)), FOLDER_MODES))

    def _entries(self) -> Iterator[Entry]:
        yield file("etc/hostname", f"{self.hostname}\n".encode())
        yield file("etc/hosts", self._hosts().encode())
        yield file("etc/vkd/links", "".join(map(_link, self.interfaces)).encode())
        servers = dict.fromkeys(server for interface in self.interfaces for server in interface.dns)
        if servers:
            yield file("etc/resolv.conf", "".join(f"nameserver {server}\n" for server in servers).encode())
        if self.host_key:
            yield file("etc/dropbear/dropbear_ed25519_host_key", dropbear_key(self.host_key), 0o600)
            yield file("etc/ssh/ssh_host_ed25519_key", self.host_key, 0o600)
            public = public_line(self.host_key, self.hostname)
            yield file("etc/ssh/ssh_host_ed25519_key.pub", f"{public}\n".encode())
        if self.authorized_keys:
            lines = "".join(f"{line.strip()}\n" for line in self.authorized_keys)
            yield file("root/.ssh/authorized_keys", lines.encode(), 0o600)
        if self.mounts:
            lines = "".join(f"{m.source} {m.target} {m.fstype} {m.options} 0 0\n" for m in self.mounts)
            yield file("etc/vkd/fstab", lines.encode())
            for mount in self.mounts:
                if target := mount.target.strip("/"):
                    yield directory(target)
        if self.environment:
            lines = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in self.environment.items())
            yield file("etc/vkd/env", lines.encode())
        if self.run is not None:
            script = self.run if self.run.startswith("#!") else f"#!/bin/sh\n{self.run}\n"
            yield file("etc/vkd/run", script.encode(), 0o755)
        for extra in self.files:
            yield file(extra.path.lstrip("/"), extra.content, extra.mode)
            yield from _for_dropbear(extra)

    def _hosts(self) -> str:
        own = [address.split("/")[0] for i in self.interfaces for address in i.addresses if address != DHCP]
        lines = [f"{address} {self.hostname}\n" for address in own or ["127.0.1.1"]]
        lines += [f"{address} {name}\n" for name, address in self.hosts.items() if name != self.hostname]
        return LOOPBACK + "".join(lines)


def _for_dropbear(extra: File) -> Iterator[Entry]:
    """Yield a user's key that OpenSSH would look for in the place and the form in which dropbear's client does."""
    path = PurePosixPath(extra.path)
    if path.parts[-2:] == (".ssh", "id_ed25519"):
        with suppress(ValueError):  # it has a passphrase, or is no key at all: that is told by who uses it
            yield file(str(path.with_name("id_dropbear")).lstrip("/"), dropbear_key(extra.content), 0o600)


def _interface(address: str) -> IPv4Interface | IPv6Interface:
    if "/" not in address:
        raise ValueError(f"an address without a prefix length: {address!r}")
    return ip_interface(address)


def _link(interface: Interface) -> str:
    """Return the line of /etc/vkd/links: `MAC MTU GATEWAY ADDRESS...`, with `-` for what is not given."""
    words = [interface.mac, str(interface.mtu or "-"), interface.gateway or "-", *interface.addresses]
    return " ".join(words) + "\n"
