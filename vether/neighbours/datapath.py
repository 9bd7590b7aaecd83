"""The switch as spanning tree, LLDP and loop detector see it."""

from collections.abc import Mapping
from typing import Any, Protocol

from vether.neighbours.news import News


class Datapath(Protocol):
    """The part of `vkd._native.Switch` that is needed. A port that is not there is a KeyError."""

    def ports(self) -> list[dict[str, Any]]:
        """Return the ports: `name`, `kind`, `carrier` and `state` of each are looked at."""

    def send(self, name: str, frame: bytes) -> None:
        """Send a frame out of a port whatever its state."""

    def set_state(self, name: str, state: str) -> None:
        """Give a port a state."""

    def set_peer(self, name: str, *, peer: bool) -> None:
        """Say whether frames to reserved groups that come in at a port are punted."""

    def set_probes(self, name: str, *, probes: bool) -> None:
        """Say whether loop probes that come in at a port are punted."""

    def flush(self, name: str | None = None) -> object:
        """Forget the addresses learned at a port."""


class Given:
    """A datapath that remembers which state each port was given."""

    def __init__(self, datapath: Datapath) -> None:
        self._datapath = datapath
        self._states: dict[str, str] = {}
        self.ports, self.send, self.flush = datapath.ports, datapath.send, datapath.flush
        self.set_peer, self.set_probes = datapath.set_peer, datapath.set_probes

    def set_state(self, name: str, state: str) -> None:
        """Give a port a state."""
        self._datapath.set_state(name, state)
        self._states[name] = state

    def forget(self, name: str) -> None:
        """Forget the port of that name: it is no more."""
        self._states.pop(name, None)

    def is_another(self, row: Mapping[str, Any]) -> bool:
        """Whether a port is not the one that was given a state: one of its name went and it came, unseen."""
        return bool(self._states.get(row["name"], row["state"]) != row["state"])


class Ports:
    """The datapath as RSTP sees it."""

    def __init__(self, datapath: Datapath, news: News) -> None:
        self._datapath = datapath
        self._news = news

    def set_state(self, port: str, state: str) -> None:
        """Give `port` a state, and tell of it."""
        self._datapath.set_state(port, state)
        self._news.state(port, state)

    def flush(self, port: str) -> None:
        """Forget the addresses learned at `port`."""
        self._datapath.flush(port)

    def transmit(self, port: str, frame: bytes) -> None:
        """Send `frame` out of `port`, whatever the port's state."""
        self._datapath.send(port, frame)
