"""Tasks that can be ended one by one, in a nursery that outlives them."""

from collections.abc import Awaitable, Callable, Hashable

import trio


class Tasks:
    """Long-running tasks by key."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._running: dict[Hashable, tuple[trio.CancelScope, trio.Event]] = {}

    def start(self, key: Hashable, run: Callable[[], Awaitable[None]]) -> None:
        """Start `run` under `key`, which must not be in use."""
        if key in self._running:
            raise ValueError(f"{key} runs already")
        scope, done = trio.CancelScope(), trio.Event()
        self._running[key] = (scope, done)

        async def within() -> None:
            try:
                with scope:
                    await run()
            finally:
                done.set()

        self._nursery.start_soon(within)

    async def stop(self, key: Hashable) -> None:
        """Cancel the task of `key`, if there is one, and wait until it has ended."""
        entry = self._running.pop(key, None)
        if entry is not None:
            scope, done = entry
            scope.cancel()
            await done.wait()
