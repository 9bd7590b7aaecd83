"""Reconciliation of whole clusters on trio's clock, with fake guests and switches: a file and what becomes of it."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace
from trio.testing import MockClock

from tests.daemon.cluster_world import cluster_config, settle
from tests.daemon.fakes import boots_well, crashes, restart
from vkd.config.model import Elsewhere
from vkd.errors import ConfigError, NotFoundError, VkdError
from vkd.store import SqliteStore
from vkd.supervisor.records import Records


async def test_up_then_down_leaves_nothing(autojump_clock: MockClock, made: Callable[[], Any]) -> None:
    async with made() as world, world.daemon() as clusters:
        await clusters.apply(cluster_config("a", "b"), "/x/cluster.toml")
        assert await settle(clusters) == {"a": "ready", "b": "ready"}
        ports = [row.ssh_port for row in clusters.by_name["c"].rows()]
        assert len(set(ports)) == 2
        assert (world.runtime / "c/@ssh/known_hosts").read_text().count("ssh-ed25519") == 2
        for folder in ("c", "c/@ssh", "c/@lan"):
            assert (world.runtime / folder).stat().st_mode & 0o777 == 0o700
        assert (world.runtime / "c/@ssh/id_ed25519").stat().st_mode & 0o777 == 0o600
        await clusters.down("c")
        assert world.living() == []
        assert not any(process.alive for process in world.switches.processes)
        assert clusters.empty
        assert list(world.runtime.iterdir()) == []
        store = SqliteStore(world.path)
        assert await Records(store).empty()
        for prefix in ("guests/", "networks/", "keys/"):
            assert await store.scan(prefix) == {}


async def test_same_file_twice_changes_nothing(autojump_clock: MockClock, made: Callable[[], Any]) -> None:
    async with made() as world, world.daemon() as clusters:
        await clusters.apply(cluster_config("a", "b"), None)
        await settle(clusters)
        before = world.pids()
        changes = await clusters.apply(cluster_config("a", "b"), None)
        await settle(clusters)
        assert changes.nothing
        assert world.pids() == before
        assert len(world.switches.processes) == 1


async def test_edited_file_changes_only_what_differs(autojump_clock: MockClock, made: Callable[[], Any]) -> None:
    async with made() as world, world.daemon() as clusters:
        await clusters.apply(cluster_config("a", "b", "c"), None)
        await settle(clusters)
        before = world.pids()
        old = cluster_config("a", "b", "d")
        edited = replace(
            old,
            guests={
                "a": replace(old.guests["a"], stop_timeout=3.0),
                "b": replace(old.guests["b"], memory=256 << 20),
                "d": old.guests["d"],
            },
        )
        changes = await clusters.apply(edited, None)
        assert changes.added == ("d",)
        assert changes.removed == ("c",)
        assert await settle(clusters) == {"a": "ready", "b": "ready", "d": "ready"}
        after = world.pids()
        assert after["a"] == before["a"]
        assert after["b"] != before["b"]
        assert sorted(after) == ["a", "b", "d"]
        assert clusters.by_name["c"].guests["a"].config.stop_timeout == 3.0
        assert not (world.runtime / "c/c").exists()
        assert len(world.switches.processes) == 1
        assert world.switches.applied


async def test_guests_of_other_hosts_are_known_by_name(autojump_clock: MockClock, made: Callable[[], Any]) -> None:
    async with made() as world, world.daemon() as clusters:
        whole = cluster_config("a", "far")
        far = Elsewhere(host="paris", nics=whole.guests["far"].nics)
        part = replace(whole, host="berlin", guests={"a": whole.guests["a"]}, elsewhere={"far": far})
        await clusters.apply(part, None)
        assert await settle(clusters) == {"a": "ready"}
        (process,) = world.switches.processes
        assert world.switches.specs[process.pid]["hosts"] == [{"name": "far", "address": "10.0.2.11"}]
        for reference in ("far", "c/far"):
            with pytest.raises(NotFoundError, match="guest 'far' of c runs on host 'paris'"):
                clusters.guest(reference)
        with pytest.raises(ConfigError, match="runs here as host 'berlin' already, not as host 'paris'"):
            await clusters.apply(replace(part, host="paris"), None)
        with pytest.raises(ConfigError, match="not as the only host"):
            clusters.changes(whole)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kernel": "/nowhere/Image"}, "guest a: the kernel /nowhere/Image does not exist"),
        ({"initrd": "/nowhere/initrd"}, "the initrd /nowhere/initrd does not exist"),
        ({"firmware": "/nowhere/fw"}, "the firmware /nowhere/fw does not exist"),
        ({"image": "bad"}, "no image bad"),
    ],
)
async def test_missing_things_are_said_before_anything_starts(
    autojump_clock: MockClock, made: Callable[[], Any], change: dict[str, str], words: str
) -> None:
    async with made() as world, world.daemon() as clusters:
        with pytest.raises(VkdError, match=words):
            await clusters.apply(cluster_config("a", "b", **change), None)
        assert world.host.processes == []
        assert world.switches.processes == []
        assert clusters.empty
        assert list(world.runtime.iterdir()) == []


async def test_a_failed_edit_leaves_what_runs(autojump_clock: MockClock, made: Callable[[], Any]) -> None:
    async with made() as world, world.daemon() as clusters:
        await clusters.apply(cluster_config("a"), None)
        await settle(clusters)
        before = world.pids()
        with pytest.raises(VkdError, match="does not exist"):
            await clusters.apply(cluster_config("a", kernel="/nowhere/Image"), None)
        assert world.pids() == before
        assert (await clusters.apply(cluster_config("a"), None)).nothing


async def test_up_starts_what_was_stopped(autojump_clock: MockClock, made: Callable[[], Any]) -> None:
    async with made() as world, world.daemon() as clusters:
        await clusters.apply(cluster_config("a", "b"), None)
        await settle(clusters)
        before = world.pids()
        await clusters.guest("a").stopped()
        await clusters.apply(cluster_config("a", "b"), None)
        assert await settle(clusters) == {"a": "ready", "b": "ready"}
        assert world.pids()["b"] == before["b"]


async def test_one_guest_that_fails_leaves_the_others(autojump_clock: MockClock, made: Callable[[], Any]) -> None:
    async with made() as world, world.daemon() as clusters:
        world.host.scripts = [crashes, boots_well]
        await clusters.apply(cluster_config("a", "b", restart=restart("no")), None)
        assert sorted((await settle(clusters)).values()) == ["failed", "ready"]


async def test_references(autojump_clock: MockClock, made: Callable[[], Any]) -> None:
    async with made() as world, world.daemon() as clusters:
        await clusters.apply(cluster_config("web", "db"), None)
        await clusters.apply(replace(cluster_config("web"), name="other"), None)
        assert clusters.guest("db").cluster == "c"
        assert clusters.guest("other/web").cluster == "other"
        with pytest.raises(ConfigError, match="several guests are named 'web'"):
            clusters.guest("web")
        with pytest.raises(NotFoundError) as caught:
            clusters.guest("dbb")
        assert caught.value.hint == "did you mean 'db'?"
        with pytest.raises(NotFoundError):
            clusters.guest("nowhere/web")
