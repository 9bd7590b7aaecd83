"""Clusters over daemons: what the next one finds and takes over."""

from collections.abc import Callable
from typing import Any

import pytest
import trio
import trio.lowlevel
from trio.testing import MockClock

from tests.daemon.cluster_world import cluster_config, settle
from vkd.errors import VkdError
from vkd.store import SqliteStore
from vkd.supervisor.records import Records


async def test_next_daemon_adopts_guests_and_switches(autojump_clock: MockClock, made: Callable[[], Any]) -> None:
    async with made() as world:
        async with world.daemon() as clusters:
            await clusters.apply(cluster_config("a", "b"), "/x/cluster.toml")
            await settle(clusters)
            rows = clusters.by_name["c"].rows()
        before = world.pids()
        assert sorted(before) == ["a", "b"]
        world.host.processes[1].end(None, -9)
        async with world.daemon() as clusters:
            assert clusters.by_name["c"].source == "/x/cluster.toml"
            await trio.sleep(30)
            assert await settle(clusters) == {"a": "ready", "b": "ready"}
            after = world.pids()
            assert (after["a"] == before["a"]) != (after["b"] == before["b"])
            assert len(world.switches.processes) == 1
            again = clusters.by_name["c"].rows()
            assert [row.ssh_port for row in again] == [row.ssh_port for row in rows]
            await clusters.down("c")
            assert world.living() == []


async def test_a_switch_of_a_daemon_killed_early_is_told_the_new_ports(
    autojump_clock: MockClock, made: Callable[[], Any]
) -> None:
    async with made() as world:
        async with world.daemon() as clusters, trio.open_nursery() as nursery:
            nursery.start_soon(clusters.apply, cluster_config("a", "b"), None)
            await trio.sleep(0.3)  # the switch runs, and has not answered yet
            assert len(world.switches.processes) == 1
            assert await Records(SqliteStore(world.path)).guests("c") == {}
            nursery.cancel_scope.cancel()
        async with world.daemon() as clusters:
            await clusters.apply(cluster_config("a", "b"), None)
            assert await settle(clusters) == {"a": "ready", "b": "ready"}
            (switch,) = world.switches.processes
            forwards = [forward["host_port"] for forward in world.switches.specs[switch.pid]["forwards"]]
            assert forwards == [row.ssh_port for row in clusters.by_name["c"].rows()]


async def test_what_a_switch_refused_is_asked_of_it_again(autojump_clock: MockClock, made: Callable[[], Any]) -> None:
    async with made() as world, world.daemon() as clusters:
        await clusters.apply(cluster_config("a"), None)
        world.switches.refusal = "cannot forward"
        for _ in range(2):
            with pytest.raises(VkdError, match="refuses apply: cannot forward"):
                await clusters.apply(cluster_config("a", "b"), None)
        world.switches.refusal = None
        await clusters.apply(cluster_config("a", "b"), None)
        ports = world.switches.specs[world.switches.processes[0].pid]["ports"]
        assert [port["name"] for port in ports] == ["a", "b"]


async def test_a_stopped_guest_stays_stopped_over_daemons(autojump_clock: MockClock, made: Callable[[], Any]) -> None:
    async with made() as world:
        async with world.daemon() as clusters:
            await clusters.apply(cluster_config("a", "b"), None)
            await settle(clusters)
            await clusters.guest("a").stopped()
        async with world.daemon() as clusters:
            await trio.sleep(60)
            assert {name: guest.state.value for name, guest in clusters.by_name["c"].guests.items()} == {
                "a": "stopped",
                "b": "ready",
            }
