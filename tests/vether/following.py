"""Those who follow the events of a lab's switch."""

import contextlib
import itertools
import time
from collections.abc import Iterator
from typing import Any

from tests.vether.lab import PATIENCE, Lab
from vether.control.client import Client

Event = dict[str, Any]


class Monitor:
    """Follows the events of a lab."""

    def __init__(self, lab: Lab) -> None:
        self._client = Client(lab.dir / "ctl", timeout=PATIENCE)
        self._stream = self._client.stream("monitor")
        self.seen = [next(self._stream)]
        assert self.seen[0]["event"] == "begin"

    def until(self, event: str, **fields: object) -> Event:
        """Return the next event of that name and with those fields."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            self.seen.append(next(self._stream))
            got: Event = self.seen[-1]
            if got["event"] == event and fields.items() <= got.items():
                return got
        raise AssertionError(f"no {event} within {PATIENCE} s: {self.seen}")

    def names(self) -> list[str]:
        return [event["event"] for event in self.seen]

    def close(self) -> None:
        self._client.close()


@contextlib.contextmanager
def following(lab: Lab) -> Iterator[Monitor]:
    monitor = Monitor(lab)
    try:
        yield monitor
    finally:
        monitor.close()


def check(events: list[Event]) -> None:
    """No number is missing that is not accounted for, and times do not run backwards."""
    for before, after in itertools.pairwise(events):
        assert after["seq"] == before["seq"] + (after["count"] if after["event"] == "lost" else 1)
        assert before["time"] <= after["time"]
