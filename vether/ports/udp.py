"""UDP sockets of tunnels, and how peers are written."""

import contextlib
import errno
import ipaddress
import socket
from ipaddress import IPv4Address, IPv6Address

from vether.errors import SpecError, VetherError

# linux/udp.h, linux/in.h, linux/in6.h: what Python has no names for.
_UDP_NO_CHECK6_RX, _UDP_GRO = 102, 104
_IP_MTU_DISCOVER, _IPV6_MTU_DISCOVER, _PMTUDISC_DONT = 10, 23, 0
_SO_SNDBUFFORCE, _SO_RCVBUFFORCE = 32, 33
#: Room for what arrives while the datapath is elsewhere: a millisecond of 10 Gbit/s, several times over.
_BUFFER = 8 << 20

#: Bytes of the IP and UDP headers.
_HEADERS = {4: 28, 6: 48}

Address = IPv4Address | IPv6Address


def parse_peer(where: str, text: str, default_port: int) -> tuple[Address, int]:
    """Read `ADDRESS`, `ADDRESS:PORT` or `[ADDRESS]:PORT`. Raises `SpecError`."""
    host, port = text, default_port
    with contextlib.suppress(ValueError):
        return _address(text), default_port
    head, colon, tail = text.rpartition(":")
    if colon and tail.isdecimal():
        host, port = head, int(tail)
    try:
        address = _address(host.removeprefix("[").removesuffix("]"))
    except ValueError as error:
        raise SpecError(
            f"{where}: {text!r} is not an IP address", hint="like 192.0.2.1 or [2001:db8::1]:4789"
        ) from error
    check_port(where, port)
    return address, port


def _address(text: str) -> Address:
    address = ipaddress.ip_address(text)
    if isinstance(address, IPv6Address) and (address.ipv4_mapped or address.scope_id):
        raise ValueError(text)
    return address


def check_port(where: str, port: int) -> None:
    """Raise `SpecError` if `port` is none of UDP."""
    if not 1 <= port <= 65535:
        raise SpecError(f"{where}: {port} is not between 1 and 65535")


def check_outer_mtu(where: str, mtu: int | None, version: int) -> None:
    """Raise `SpecError` if no IP of `version` has links of that MTU."""
    least = 576 if version == 4 else 1280
    if mtu is not None and not least <= mtu <= 65535:
        raise SpecError(f"{where}: {mtu} is not between {least} and 65535")


def longest_payload(outer_mtu: int | None, version: int) -> int:
    """Return how many bytes of UDP payload an IP packet of `outer_mtu` bytes holds."""
    return (outer_mtu or 65535) - _HEADERS[version]


def any_address(version: int) -> Address:
    """Return the wildcard address of IP `version`."""
    return IPv4Address(0) if version == 4 else IPv6Address(0)


def bind(name: str, address: Address, port: int) -> socket.socket:
    """Return a UDP socket of the port `name` at `address`. Raises `VetherError`."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    result = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    try:
        _prepare(result, address.version)
        result.bind((str(address), port))
    except OSError as error:
        result.close()
        hints = {
            errno.EADDRINUSE: "another program, or the kernel's own device, has it; give another `port`",
            errno.EADDRNOTAVAIL: "`ip addr` shows the addresses of this machine",
            errno.EACCES: "ports below 1024 need root; take a higher one",
        }
        what = f"port {name}: cannot use UDP {address} port {port}: {error.strerror}"
        raise VetherError(what, hint=hints.get(error.errno or 0)) from error
    return result


def _prepare(sock: socket.socket, version: int) -> None:
    # Packets that do not fit a link are fragmented: a tunnel that says nothing and drops is a black hole.
    if version == 4:
        sock.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _PMTUDISC_DONT)
    else:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER, _PMTUDISC_DONT)
        # RFC 6935: the tunnelled packet has checksums of its own. IPv4 sockets take zero checksums anyway.
        sock.setsockopt(socket.IPPROTO_UDP, _UDP_NO_CHECK6_RX, 1)
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.IPPROTO_UDP, _UDP_GRO, 1)
    for force, ordinary in ((_SO_RCVBUFFORCE, socket.SO_RCVBUF), (_SO_SNDBUFFORCE, socket.SO_SNDBUF)):
        try:
            sock.setsockopt(socket.SOL_SOCKET, force, _BUFFER)
        except PermissionError:
            # The host's limit (net.core.rmem_max) applies.
            sock.setsockopt(socket.SOL_SOCKET, ordinary, _BUFFER)
