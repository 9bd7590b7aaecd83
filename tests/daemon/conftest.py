"""Fixtures: a world in which daemons come and go."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.lowlevel

from tests.daemon.cluster_world import World


@pytest.fixture
def made(tmp_path: Path) -> Callable[[], Any]:
    @asynccontextmanager
    async def make() -> AsyncIterator[World]:
        async with trio.open_nursery() as nursery:
            yield World(nursery, tmp_path)
            nursery.cancel_scope.cancel()

    return make
