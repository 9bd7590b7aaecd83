"""The tunnel of a running switch, and how it is made equal to a specification."""

import errno
import logging
import socket
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import trio

from vether import keys
from vether.errors import SpecError, VetherError
from vether.monitor.feed import Publish, ignore
from vether.peerspec import GROUP, PeerSpec, TunnelSpec, literal, split_endpoint
from vkd._native import Switch, Tunnel

log = logging.getLogger(__name__)

#: Seconds between looks at what happened, and between attempts to resolve the name of a peer that is down.
_LOOK = 0.5
_RESOLVE = 10.0

_TAKEN = (
    "another program, or another host's switch, has it: another address or port in tunnel.listen "
    "(in a cluster file: listen or port in [hosts.NAME])"
)


class Peers:
    """The tunnel and its peers. All methods are quick; :meth:`watch` runs beside them."""

    def __init__(self, switch: Switch, network: str, forget: Callable[[str], None] = lambda _: None) -> None:
        #: The name of the network, which peers must have as well, unless `tunnel.network` gives another.
        self.network = network
        #: Told what happens to peers.
        self.publish: Publish = ignore
        self._switch = switch
        self._called = network
        self._tunnel: Tunnel | None = None
        self._spec: TunnelSpec | None = None
        #: Is told of each port that goes.
        self._forget = forget
        #: The peers that there are.
        self._peers: dict[str, PeerSpec] = {}
        #: The ports that came since somebody emptied it.
        self.opened: set[str] = set()

    def close(self) -> None:
        """End the tunnel; the peers' ports go."""
        for name in self._peers:
            self._forget(name)
        tunnel, self._tunnel, self._spec, self._peers = self._tunnel, None, None, {}
        if tunnel is not None:
            tunnel.close()

    def check(self, spec: TunnelSpec | None, peers: tuple[PeerSpec, ...]) -> None:
        """Raise `SpecError` if a file with a key cannot be read, or a key is our own. Nothing is touched."""
        _secrets(spec, peers)

    def apply(self, spec: TunnelSpec | None, peers: tuple[PeerSpec, ...], *, hold: bool = False) -> list[str]:
        """Make the tunnel equal to both tables; what is the same is not touched. Returns what changed, a line each.

        With `hold`, nothing passes new peers' ports before a spanning tree says so.
        """
        wanted = {peer.name: peer for peer in peers}
        # All files are read before anything is touched.
        key, secrets = _secrets(spec, peers)
        changed = self._set_tunnel(spec, key)
        for name in [name for name, peer in self._peers.items() if wanted.get(name) != peer]:
            self._remove(name)
            if name not in wanted:
                changed.append(f"peer {name}: removed")
        for name, peer in wanted.items():
            if name not in self._peers:
                self._add(peer, secrets[name], hold=hold)
                changed.append(f"peer {name}: added")
        return changed

    def _set_tunnel(self, spec: TunnelSpec | None, key: bytes | None) -> list[str]:
        called = (spec and spec.network) or self.network
        if spec == self._spec and (spec is None or called == self._called):
            return []
        was = self._tunnel is not None
        self.close()
        self._called = called
        if spec is None or key is None:
            return ["tunnel: removed"]
        listen = literal(spec.listen)
        if listen is None:
            raise SpecError(f"tunnel.listen: {spec.listen!r} has no address")
        try:
            self._tunnel = Tunnel(self._switch, private_key=key, listen=listen, network=called)
        except OSError as error:
            hint = _TAKEN if error.errno == errno.EADDRINUSE else None
            raise VetherError(f"cannot listen at UDP {spec.listen}: {error.strerror}", hint=hint) from error
        self._spec = spec
        return ["tunnel: changed" if was else "tunnel: added"]

    def _add(self, peer: PeerSpec, secret: bytes, *, hold: bool) -> None:
        if self._tunnel is None or self._spec is None:
            raise SpecError("peers: they need a tunnel")
        endpoint = literal(peer.endpoint) if peer.endpoint else None
        group = GROUP if self._spec.split_horizon else 0
        key = keys.decode_untrusted(peer.public_key)
        settings: dict[str, Any] = {"split_horizon": group, **({"state": "discarding"} if hold else {})}
        try:
            self._tunnel.add_peer(peer.name, public_key=key, psk=secret, endpoint=endpoint, **settings)
        except ValueError as error:
            raise SpecError(f"peer {peer.name}: {error}") from error
        except OSError as error:
            raise VetherError(f"cannot add peer {peer.name}: {error.strerror}") from error
        self._peers[peer.name] = peer
        self.opened.add(peer.name)

    def _remove(self, name: str) -> None:
        if self._tunnel is not None:
            self._tunnel.remove_peer(name)
        self._peers.pop(name, None)
        self._forget(name)

    def show(self) -> list[dict[str, Any]]:
        """Return a row for each peer, in the order of the specification."""
        if self._tunnel is None:
            return []
        statuses = self._tunnel.peers()
        return [
            {"name": name, **statuses[name], "public_key": peer.public_key}
            for name, peer in self._peers.items()
            if name in statuses
        ]

    def drops(self) -> dict[str, int]:
        """Return what the tunnel dropped before it was known whose it was, by reason."""
        return self._tunnel.drops() if self._tunnel else {}

    async def watch(self) -> None:
        """Log what happens to peers, and resolve the names of those that are down."""
        async with trio.open_nursery() as nursery:
            # Resolvers that do not answer take their time: what happens is told meanwhile.
            nursery.start_soon(self._resolve_again)
            while True:
                if self._tunnel is not None:
                    for name, what, text in self._tunnel.take_events():
                        log.info("peer %s: %s: %s", name, what, text)
                        self.publish(f"peer-{what}", peer=name, text=text)
                await trio.sleep(_LOOK)

    async def _resolve_again(self) -> None:
        resolved = -_RESOLVE
        while True:
            if self._tunnel is not None and trio.current_time() - resolved >= _RESOLVE:
                resolved = trio.current_time()
                await self._resolve()
            await trio.sleep(_LOOK)

    async def _resolve(self) -> None:
        down = {row["name"] for row in self.show() if not row["up"]}
        for name in down:
            peer = self._peers.get(name)
            if peer is None or not peer.endpoint or literal(peer.endpoint) is not None or self._spec is None:
                continue
            host, port = split_endpoint(peer.endpoint)
            family = socket.AF_INET if "[" not in self._spec.listen else socket.AF_UNSPEC
            try:
                found = await trio.socket.getaddrinfo(host, port, family=family, type=socket.SOCK_DGRAM)
            except (OSError, ValueError) as error:  # ValueError: what is no name at all
                log.warning("peer %s: cannot resolve %s: %s", name, host, getattr(error, "strerror", None) or error)
                continue
            if found and "%" not in str(found[0][4][0]) and self._peers.get(name) == peer and self._tunnel is not None:
                self._tunnel.set_endpoint(name, (ip_address(str(found[0][4][0])), port))


def _secrets(spec: TunnelSpec | None, peers: tuple[PeerSpec, ...]) -> tuple[bytes | None, dict[str, bytes]]:
    """Return our private key and each peer's secret. Raises `SpecError`."""
    key = None if spec is None else keys.read(Path(spec.key))
    for peer in peers:
        if key is not None and keys.decode_untrusted(peer.public_key) == keys.public(key):
            raise SpecError(f"peer {peer.name}: the public key is this switch's own")
    return key, {peer.name: keys.read(Path(peer.psk), keys.MAKE_PSK) if peer.psk else bytes(32) for peer in peers}
