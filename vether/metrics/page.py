"""The page of metrics, made at most once a second: however often it is asked for, the switch is not disturbed."""

from collections.abc import Callable, Iterator

import trio

from vether.metrics.snapshot import Snapshot

#: Seconds for which a page is good.
_LIFETIME = 1.0


class Page:
    """Makes pages of what `look` returns."""

    def __init__(self, look: Callable[[], Snapshot]) -> None:
        self._look = look
        self._lock = trio.Lock()
        self._made: tuple[float, bytes, str] | None = None

    async def __call__(self) -> tuple[bytes, str]:
        """Return a page in Prometheus' text format, and its content type."""
        async with self._lock:
            if self._made is None or trio.current_time() - self._made[0] >= _LIFETIME:
                # Text takes its time where there are many ports; frames for the control plane do not wait for it.
                body, content_type = await trio.to_thread.run_sync(_render, self._look())
                self._made = trio.current_time(), body, content_type
            return self._made[1:]


def _render(snapshot: Snapshot) -> tuple[bytes, str]:
    # Slow to import, and for whoever wants metrics alone.
    from prometheus_client import CollectorRegistry, Metric, ProcessCollector  # noqa: PLC0415
    from prometheus_client.exposition import choose_encoder  # noqa: PLC0415
    from prometheus_client.registry import Collector  # noqa: PLC0415

    from vether.metrics.families import families  # noqa: PLC0415

    class Switch(Collector):
        def collect(self) -> Iterator[Metric]:
            return families(snapshot)

    registry = CollectorRegistry()
    registry.register(Switch())
    ProcessCollector(registry=registry)
    encode, content_type = choose_encoder("text/plain")
    return encode(registry), content_type
