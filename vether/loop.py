"""A loop detector for ports where no spanning tree runs: a probe of ours that comes back takes the port down.

Each port sends a probe now and then, to a group address that other switches flood. One that comes in at a port shows
a way from the probing port around to that one. The port where it came in is closed, never the one that sent it: who
sends a probe back that was meant for others harms nobody but himself. Probes are keyed and numbered, so that they can
be neither invented nor kept for later.

A closed port sends no probes, but is listened at: it opens when none came for the hold time. Ports take turns, so
that of two ends of a loop one is closed before the other one's probe would come back.
"""

import hashlib
import hmac
import struct
from dataclasses import dataclass, field
from typing import Any

#: A group address of our own, which no bridge keeps for itself.
PROBE_ADDRESS = bytes.fromhex("037665746c70")
#: Configuration Testing Protocol, the EtherType that loop probes have had since Ethernet 2.
ETHERTYPE = b"\x90\x00"

_MAGIC = b"vether-loop\0"
_BODY = struct.Struct("!12s8sHI")
_DIGEST = 16
#: Probes sent since then are too old to come back: rounds of all ports.
_MEMORY = 4


@dataclass(frozen=True, slots=True)
class Send:
    """Send the Ethernet frame out of `port`."""

    port: str
    frame: bytes


@dataclass(frozen=True, slots=True)
class Close:
    """Close `port`, because of `reason`."""

    port: str
    reason: str


@dataclass(frozen=True, slots=True)
class Open:
    """Open `port` again."""

    port: str


Output = Send | Close | Open


@dataclass(frozen=True, kw_only=True)
class LoopConfig:
    """How often is looked, and how long a port stays closed after the last probe came back. Seconds."""

    #: MAC address that probes are sent from, 6 bytes.
    address: bytes
    interval: float = 2.0
    hold: float = 30.0


@dataclass
class _Port:
    number: int
    up: bool = False
    #: When it opens; None if it is open.
    closed_until: float | None = None
    reason: str | None = None
    counters: dict[str, int] = field(default_factory=dict)


class LoopDetector:
    """The detector. `identity` (8 bytes) and `key` are random, new for each start of the switch."""

    def __init__(self, config: LoopConfig, identity: bytes, key: bytes, now: float = 0.0) -> None:
        if len(identity) != 8:
            raise ValueError("the identity has not 8 bytes")
        self.config = config
        self.ports: dict[str, _Port] = {}
        #: When :meth:`tick` is due next.
        self.next_tick = now
        self._identity = identity
        self._key = key
        self._sequence = 0
        self._turn = -1

    def add_port(self, name: str) -> None:
        """Add a port, without a link. KeyError if there is one of that name."""
        if name in self.ports:
            raise KeyError(name)
        used = {port.number for port in self.ports.values()}
        self.ports[name] = _Port(min(set(range(len(used) + 1)) - used))

    def remove_port(self, name: str) -> None:
        """Forget a port. KeyError if there is none."""
        del self.ports[name]

    def port_up(self, name: str) -> None:
        """Tell that there is a link."""
        self.ports[name].up = True

    def port_down(self, name: str) -> list[Output]:
        """Tell that the link is gone: whatever was behind it is no reason any more."""
        self.ports[name].up = False
        return self._open(name)

    def receive(self, name: str, frame: bytes, now: float) -> list[Output]:
        """Take a frame to the probe address. One that is none of our probes is counted and ignored."""
        port = self.ports[name]
        source = self._read_untrusted(frame, port)
        if source is None or not port.up:
            return []
        port.counters["loop"] = port.counters.get("loop", 0) + 1
        was_open = port.closed_until is None
        port.closed_until = now + self.config.hold
        if not was_open:
            return []
        behind = "behind it" if source == name else f"with port {source}"
        port.reason = f"there is a loop {behind}: a probe came back"
        return [Close(name, port.reason)]

    def tick(self, now: float) -> list[Output]:
        """Do what is due at `now`, if :attr:`next_tick` has come: one port's probe, and what opens again."""
        if now < self.next_tick:
            return []
        out: list[Output] = []
        for name, port in self.ports.items():
            if port.closed_until is not None and now >= port.closed_until:
                out += self._open(name)
        senders = [name for name, port in self.ports.items() if port.up and port.closed_until is None]
        self.next_tick = now + self.config.interval / max(len(senders), 1)
        if senders:
            self._turn = (self._turn + 1) % len(senders)
            out.append(Send(senders[self._turn], self._probe(senders[self._turn])))
        return out

    def show(self, now: float) -> list[dict[str, Any]]:
        """Return a row of plain values for each port."""
        return [
            {
                "port": name,
                "closed": port.closed_until is not None,
                "reason": port.reason,
                "opens_in": None if port.closed_until is None else max(port.closed_until - now, 0.0),
                "counters": dict(sorted(port.counters.items())),
            }
            for name, port in self.ports.items()
        ]

    def _open(self, name: str) -> list[Output]:
        port = self.ports[name]
        if port.closed_until is None:
            return []
        port.closed_until = port.reason = None
        return [Open(name)]

    def _probe(self, name: str) -> bytes:
        self._sequence = (self._sequence + 1) & 0xFFFFFFFF
        body = _BODY.pack(_MAGIC, self._identity, self.ports[name].number, self._sequence)
        frame = PROBE_ADDRESS + self.config.address + ETHERTYPE + body + self._digest(body)
        return frame.ljust(60, b"\0")

    def _digest(self, body: bytes) -> bytes:
        return hmac.digest(self._key, body, hashlib.sha256)[:_DIGEST]

    def _read_untrusted(self, frame: bytes, port: _Port) -> str | None:
        """Return the name of the port that sent the probe; None, with a count of why, if it is none of ours."""
        body, digest = frame[14 : 14 + _BODY.size], frame[14 + _BODY.size : 14 + _BODY.size + _DIGEST]
        why = None
        source = None
        if len(digest) != _DIGEST or frame[12:14] != ETHERTYPE or not body.startswith(_MAGIC):
            why = "loop-frame"
        else:
            _, identity, number, sequence = _BODY.unpack(body)
            age = (self._sequence - sequence) & 0xFFFFFFFF
            source = next((name for name, other in self.ports.items() if other.number == number), None)
            if identity != self._identity:
                why = "loop-foreign"  # another switch's
            elif not hmac.compare_digest(digest, self._digest(body)):
                why = "loop-forged"
            elif source is None or age >= _MEMORY * max(len(self.ports), 1):
                why = "loop-old"
        if why is not None:
            port.counters[why] = port.counters.get(why, 0) + 1
            return None
        return source
