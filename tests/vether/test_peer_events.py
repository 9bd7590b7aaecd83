"""What is told and counted of switches at the other ends of tunnels."""

import contextlib
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.vether.following import check, following
from tests.vether.lab import Lab, open_lab, ports, until
from tests.vether.test_metrics import PORT, value
from vether import keys


class Two:
    """Two labs, and their addresses, which no other test has."""

    def __init__(self, labs: tuple[Lab, Lab]) -> None:
        self.labs = labs
        number = labs[0].folder.stat().st_ino
        self.hosts = [f"127.{number >> 8 & 127 | 64}.{number & 255}.{end}" for end in (1, 2)]
        self._keys = [keys.encode(keys.public(keys.generate(lab.folder / "key"))) for lab in labs]

    def spec(self, i: int, name: str = "lan") -> dict[str, Any]:
        """Return the specification of a lab's switch without its peer."""
        tunnel = {"key": str(self.labs[i].folder / "key"), "listen": f"{self.hosts[i]}:5870"}
        return {**ports("a", tunnel=tunnel, metrics=f"{self.hosts[i]}:{PORT}"), "name": name}

    def peers(self, i: int) -> list[dict[str, str]]:
        """Return what a specification has of the other lab's switch."""
        return [{"name": "other", "public_key": self._keys[1 - i], "endpoint": f"{self.hosts[1 - i]}:5870"}]


@pytest.fixture
def two() -> Iterator[Two]:
    with contextlib.ExitStack() as stack:
        yield Two((stack.enter_context(open_lab()), stack.enter_context(open_lab())))


def test_a_peer_comes_goes_and_is_measured(two: Two) -> None:
    one, other = two.labs
    one.start(two.spec(0))
    with following(one) as monitor:
        one.call("apply", spec={**two.spec(0), "peers": two.peers(0)})
        assert monitor.until("spec-applied")["changed"] == ["peer other: added"]
        monitor.until("port-added", port="other")
        other.start({**two.spec(1), "peers": two.peers(1)})
        assert monitor.until("peer-up", peer="other")["text"].startswith("switch")
        host = two.hosts[0]
        until("page", lambda: value(host, "vether_peer_up", peer="other") == 1)
        rtt = until("round trip", lambda: value(host, "vether_peer_rtt_seconds", peer="other"))
        assert 0 < rtt < 10
        handshakes = value(host, "vether_peer_handshakes_total", peer="other")
        assert handshakes is not None
        assert handshakes >= 1
        when = value(host, "vether_peer_last_handshake_timestamp_seconds", peer="other")
        assert when is not None
        assert when > one.folder.stat().st_mtime - 5
        other.end(signal.SIGKILL)
        assert "silent" in monitor.until("peer-down", peer="other")["text"]
        check(monitor.seen)


def test_a_peer_of_another_network_is_told_with_the_reason(two: Two) -> None:
    for i, lab in enumerate(two.labs):
        lab.start(two.spec(i, f"lan{i}"))
    with following(two.labs[0]) as monitor:
        for i, lab in enumerate(two.labs):
            lab.call("apply", spec={**two.spec(i, f"lan{i}"), "peers": two.peers(i)})
        monitor.until("port-added", port="other")
        refused = monitor.until("peer-refused", peer="other")
        assert "wrong-network" in refused["text"]
        assert "lan1" in refused["text"]
