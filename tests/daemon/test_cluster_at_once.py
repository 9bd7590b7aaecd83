"""Clusters that are asked for several things at once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.lowlevel
from trio.testing import MockClock

from tests.daemon.cluster_world import cluster_config, settle
from vkd.errors import ConfigError, ImageError, VkdError


async def test_two_ups_at_once(autojump_clock: MockClock, made: Callable[[], Any]) -> None:
    async with made() as world, world.daemon() as clusters:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(clusters.apply, cluster_config("a", "b"), None)
            nursery.start_soon(clusters.apply, cluster_config("a", "b"), None)
        assert await settle(clusters) == {"a": "ready", "b": "ready"}
        assert len(world.host.processes) == 2
        assert len(world.switches.processes) == 1


async def test_an_up_that_waits_for_another_is_not_lost(
    autojump_clock: MockClock, made: Callable[[], Any], tmp_path: Path
) -> None:
    async with made() as world:
        async with world.daemon() as clusters:
            world.image_seconds = 5.0

            async def refused() -> None:
                with pytest.raises(ImageError):
                    await clusters.apply(cluster_config("a", image="bad"), None)

            async with trio.open_nursery() as nursery:
                nursery.start_soon(refused)
                await trio.sleep(1)
                nursery.start_soon(clusters.apply, cluster_config("a"), None)
            assert await settle(clusters) == {"a": "ready"}

            async with trio.open_nursery() as nursery:
                nursery.start_soon(clusters.down, "c")
                await trio.lowlevel.checkpoint()
                nursery.start_soon(clusters.apply, cluster_config("b"), None)
            assert await settle(clusters) == {"b": "ready"}
            assert world.living() == ["b"]
            login = clusters.by_name["c"].guest("b").target
            assert login is not None
            key = Path(login.key).read_bytes()
        async with world.daemon() as clusters:
            assert Path(login.key).read_bytes() == key
            await clusters.down("c")
            assert clusters.empty
            assert world.living() == []


async def test_a_cluster_is_not_taken_over_by_another_file(
    autojump_clock: MockClock, made: Callable[[], Any], tmp_path: Path
) -> None:
    first, second = tmp_path / "first.toml", tmp_path / "second.toml"
    first.touch()
    second.touch()
    async with made() as world, world.daemon() as clusters:
        await clusters.apply(cluster_config("a"), str(first))
        with pytest.raises(ConfigError, match=r"runs already, from .*first.toml"):
            clusters.changes(cluster_config("b"), str(second))
        with pytest.raises(ConfigError, match=r"runs already, from .*first.toml"):
            await clusters.apply(cluster_config("b"), str(second))
        assert await settle(clusters) == {"a": "ready"}
        first.rename(tmp_path / "moved.toml")
        await clusters.apply(cluster_config("a", "b"), str(tmp_path / "moved.toml"))
        assert await settle(clusters) == {"a": "ready", "b": "ready"}
        await clusters.down("c")
        await clusters.apply(cluster_config("b"), str(second))


async def test_down_while_starting(autojump_clock: MockClock, made: Callable[[], Any]) -> None:
    async with made() as world, world.daemon() as clusters:
        await clusters.apply(cluster_config("a", "b"), None)
        await trio.sleep(2)
        await clusters.down("c")
        assert world.living() == []
        assert clusters.empty


async def test_down_while_an_image_is_downloaded(autojump_clock: MockClock, made: Callable[[], Any]) -> None:
    async with made() as world, world.daemon() as clusters:
        world.image_seconds = 1000.0
        refused: list[str] = []

        async def up() -> None:
            try:
                await clusters.apply(cluster_config("a"), None)
            except VkdError as error:
                refused.append(str(error))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(up)
            await trio.sleep(5)
            await clusters.down("c")
        assert trio.current_time() < 100
        assert refused == ["the cluster c was taken down meanwhile"]
        assert clusters.empty
        assert world.host.processes == []
