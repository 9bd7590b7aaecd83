"""Looks at the switch while somebody follows, and tells what happened between two looks."""

import contextlib
import logging
from collections.abc import Iterator

import trio

from vether.config import Spec
from vether.monitor import diff
from vether.monitor.feed import Feed, Follower
from vether.network import Network

log = logging.getLogger(__name__)

#: Seconds between two looks, and how many of them are between two looks at limits.
_LOOK = 0.2
_LIMITS = 5
#: Changes of addresses between two looks; further ones are lost.
_ADDRESSES = 50


class Watch:
    """Publishes at `feed` what happens to a network. Nothing is looked at while nobody follows."""

    def __init__(self, network: Network, feed: Feed) -> None:
        self._network = network
        self._feed = feed
        self._last: diff.Look | None = None
        self._limits: list[diff.Row] = []
        self._refused = 0
        self._begun = trio.Event()

    @contextlib.contextmanager
    def follow(self, **begin: object) -> Iterator[Follower]:
        """Give all events from now on, the first one with those fields."""
        if self._last is None:
            self._begin()
        with self._feed.follow(**begin) as follower:
            try:
                yield follower
            finally:
                if self._feed.followers == 1:
                    self._end()

    def applied(self, before: Spec, changed: list[str], error: str | None) -> None:
        """Tell that a specification was applied to what `before` was: `changed` is reported, `error` is what failed."""
        if changed or error is not None:
            self._feed.publish("spec-applied", changed=changed, error=error)
        if self._last is not None:
            self._publish(diff.changed_ports(before, self._network.spec))
            self.look()

    def look(self) -> None:
        """Tell what happened since the last look."""
        if self._last is None:
            return
        before, self._last = self._last, self._see()
        self._publish(diff.changes(before, self._last))
        addresses, lost = self._network.switch.take_addresses()
        for what, mac, vlan, port, origin in addresses:
            self._feed.publish(f"address-{what}", mac=mac, vlan=vlan, port=port, **{"from": origin})
        self._feed.lose(lost)

    def look_at_limits(self) -> None:
        """Tell which limits were reached since this was asked last."""
        if self._last is None:
            return
        self._publish(diff.limits(self._limits, self._last.ports))
        refused = self._network.switch.fdb_refused()
        if refused > self._refused:
            self._feed.publish("addresses-full", frames=refused - self._refused)
        self._limits, self._refused = list(self._last.ports), refused

    async def run(self) -> None:
        """Look, for ever."""
        count = 0
        while True:
            await self._begun.wait()
            await trio.sleep(_LOOK)
            count += 1
            try:
                self.look()
                if count % _LIMITS == 0:
                    self.look_at_limits()
            except RuntimeError:
                # The datapath has ended: the daemon will see that by itself.
                log.exception("cannot look at the switch")
                return

    def _begin(self) -> None:
        self._network.switch.watch_addresses(_ADDRESSES)
        self._last = self._see()
        self._limits, self._refused = list(self._last.ports), self._network.switch.fdb_refused()
        self._begun.set()

    def _end(self) -> None:
        self._last, self._begun = None, trio.Event()
        with contextlib.suppress(RuntimeError):
            self._network.switch.watch_addresses(0)

    def _see(self) -> diff.Look:
        network = self._network
        return diff.Look(
            ports=network.switch.ports(),
            forwards=network.forwards(),
            netem=network.impairments.rows(),
            captures=network.captures.rows(),
        )

    def _publish(self, changes: Iterator[diff.Change]) -> None:
        for event, fields in changes:
            self._feed.publish(event, **fields)
