"""The tables `[tunnel]` and `[[peers]]`: switches on other hosts, and how this one meets them."""

from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any

import msgspec

from vether.errors import SpecError
from vether.keys import decode_untrusted

#: Where tunnels listen unless told otherwise.
PORT = 5870

#: Ports of this group do not forward to each other: the split horizon of tunnels.
GROUP = 0x70656572

#: The longest name of a network between switches, bytes.
LONGEST = 64

IPAddress = IPv4Address | IPv6Address


class TunnelSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Our end of all tunnels."""

    #: File with the private key, from `vether key`; relative to the file that the specification is in.
    key: str
    #: UDP address and port.
    listen: str = f"0.0.0.0:{PORT}"
    #: Whether frames from one peer are kept from the others, as a full mesh wants it. Other topologies need RSTP.
    split_horizon: bool = True
    #: Whether the gateway is there for those behind the peers. Without, each switch of a mesh has one of its own at the
    #: same address, and each machine uses that of its switch.
    gateway: bool = True
    #: What the network is called between switches, where its own name is not enough; peers must say the same.
    network: str | None = None


class PeerSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A switch on another host: a port called `name` here."""

    name: str
    #: What `vether key` printed there.
    public_key: str
    #: `host:port`, `[address]:port`; without one the peer has to come to us.
    endpoint: str | None = None
    #: File with a secret that both have, from `vether key --psk`.
    psk: str | None = None


def split_endpoint(text: str) -> tuple[str, int]:
    """Return host and port of `host:port` or `[address]:port`. Raises `ValueError`."""
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = str(IPv6Address(host[1:-1]))
    elif ":" in host:
        raise ValueError(f"{text!r}: an IPv6 address stands in brackets, [{host}]:{port}")
    if not colon or not host or not port.isascii() or not port.isdigit() or not 0 <= int(port) <= 65535:
        raise ValueError(f"{text!r} is not HOST:PORT")
    return host, int(port)


def literal(text: str) -> tuple[IPAddress, int] | None:
    """Return the address and port of an endpoint, or None if its host is a name."""
    host, port = split_endpoint(text)
    try:
        return ip_address(host), port
    except ValueError:
        return None


def check(tunnel: TunnelSpec | None, peers: tuple[PeerSpec, ...]) -> None:
    """Check both tables but for the names. Raises `SpecError`."""
    if tunnel is None:
        if peers:
            raise SpecError("peers: they need a tunnel", hint='[tunnel] with key = "FILE", from: vether key FILE')
        return
    try:
        listen = literal(tunnel.listen)
    except ValueError as error:
        raise SpecError(f"tunnel.listen: {error}") from error
    if listen is None or "%" in str(listen[0]):
        raise SpecError(
            f"tunnel.listen: {tunnel.listen!r} has no address, or one of a single link",
            hint=f"0.0.0.0:{PORT} is all of them",
        )
    if tunnel.network is not None and not (
        tunnel.network.isprintable() and 0 < len(tunnel.network.encode()) <= LONGEST
    ):
        raise SpecError(f"tunnel.network: {tunnel.network!r} is no name of 1 to {LONGEST} bytes")
    if not tunnel.gateway and not tunnel.split_horizon:
        raise SpecError(
            "tunnel.gateway: to keep the gateway from the peers takes split_horizon", hint="set split_horizon = true"
        )
    seen: dict[bytes, str] = {}
    for i, peer in enumerate(peers):
        where = f"peers[{i}]"
        try:
            key = decode_untrusted(peer.public_key)
        except ValueError as error:
            raise SpecError(f"{where}.public_key: {error}") from error
        if key in seen:
            raise SpecError(f"{where}.public_key: it is the key of {seen[key]} already")
        seen[key] = where
        if peer.endpoint is not None:
            _check_endpoint(f"{where}.endpoint", peer.endpoint, listen[0])


def _check_endpoint(where: str, text: str, listen: IPAddress) -> None:
    try:
        endpoint = literal(text)
        host, port = split_endpoint(text)
    except ValueError as error:
        raise SpecError(f"{where}: {error}") from error
    if port == 0:
        raise SpecError(f"{where}: port 0 is no place to send to")
    if "%" in host:
        raise SpecError(f"{where}: {host} is an address of one link", hint="take one without a zone (%...)")
    if endpoint is None and not _is_name(host):
        raise SpecError(f"{where}: {host!r} is neither an address nor a name of a host")
    if endpoint is not None and endpoint[0].version == 6 and listen.version == 4:
        raise SpecError(f"{where}: of IPv6, but the tunnel listens on IPv4", hint='listen = "[::]:5870"')


def _is_name(host: str) -> bool:
    """Whether a resolver can be asked for `host`: DNS names have labels of 1 to 63 bytes."""
    try:
        return bool(host.encode("idna")) and host.isprintable() and " " not in host
    except UnicodeError:
        return False


def resolve_paths(raw: Any, folder: Path) -> None:
    """Make the names of key files in a map that was read from a file in `folder` absolute, where they are texts."""
    if not isinstance(raw, dict):
        return
    peers = raw.get("peers")
    tables = [(raw.get("tunnel"), "key"), *((peer, "psk") for peer in (peers if isinstance(peers, list) else []))]
    for table, key in tables:
        if isinstance(table, dict) and isinstance(table.get(key), str):
            table[key] = str(folder / table[key])
