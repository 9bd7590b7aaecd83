"""Reconciliation of whole clusters on trio's clock, with fake guests and switches."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.lowlevel
from msgspec.structs import replace
from trio.testing import MockClock

from tests.daemon.fakes import FakeHost, FakeSwitchHost, boots_well, context, crashes, guest_config, restart
from vkd.api import Event
from vkd.config import GuestChange
from vkd.config.model import Cluster as Config
from vkd.config.model import Elsewhere, Network, Nic
from vkd.daemon.clusters import Clusters
from vkd.errors import ConfigError, HostLacksError, ImageError, NotFoundError, VkdError
from vkd.store import SqliteStore
from vkd.supervisor.records import Records

NETWORK = Network(
    name="lan",
    subnet="10.0.2.0/24",
    gateway=True,
    gateway_address="10.0.2.1",
    dns_address="10.0.2.2",
    domain="lan",
    mtu=1500,
)


def cluster_config(*names: str, **changes: Any) -> Config:
    guests = {}
    for number, name in enumerate(names):
        nic = Nic(network="lan", mac=f"02:00:00:00:00:{number:02x}", address=f"10.0.2.{10 + number}")
        guests[name] = guest_config(name, nics=(nic,), **changes)
    return Config(name="c", networks={"lan": NETWORK}, guests=guests)


class World:
    """Everything that outlives a daemon: the host's processes, the folders and the database."""

    def __init__(self, nursery: trio.Nursery, folder: Path) -> None:
        self.host = FakeHost(nursery, boots_well)
        self.switches = FakeSwitchHost()
        self.runtime = folder / "run"
        self.runtime.mkdir()
        self.path = folder / "vkd.db"
        self.events: list[Event] = []
        self.images: list[str | None] = []
        self.image_seconds = 0.0

    async def get_image(self, guest: Any, _mirror: Any, _progress: Any) -> None:
        self.images.append(guest.image)
        await trio.sleep(self.image_seconds)
        if guest.image == "bad":
            raise ImageError("no image bad")

    @asynccontextmanager
    async def daemon(self) -> AsyncIterator[Clusters]:
        store = SqliteStore(self.path)
        async with trio.open_nursery() as nursery:
            clusters = Clusters(
                self.runtime,
                context=context(self.host, self.events),
                switches=self.switches,
                records=Records(store),
                nursery=nursery,
                get_image=self.get_image,
            )
            await clusters.load()
            yield clusters
            nursery.cancel_scope.cancel()
        store.close()

    def living(self) -> list[str]:
        return sorted(process.folder.name for process in self.host.processes if process.alive)

    def pids(self) -> dict[str, int]:
        return {process.folder.name: process.pid for process in self.host.processes if process.alive}


@pytest.fixture
def made(tmp_path: Path) -> Callable[[], Any]:
    @asynccontextmanager
    async def make() -> AsyncIterator[World]:
        async with trio.open_nursery() as nursery:
            yield World(nursery, tmp_path)
            nursery.cancel_scope.cancel()

    return make


async def settle(clusters: Clusters) -> dict[str, str]:
    guests = clusters.by_name["c"].guests
    with trio.fail_after(3600):
        for guest in guests.values():
            await guest.bell.until(lambda guest=guest: guest.settled)  # type: ignore[misc]
    return {name: guest.state.value for name, guest in guests.items()}


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


async def test_a_network_that_guests_start_with_restarts_them_and_not_its_switch(
    autojump_clock: MockClock, made: Callable[[], Any]
) -> None:
    async with made() as world, world.daemon() as clusters:
        await clusters.apply(cluster_config("a"), None)
        await settle(clusters)
        before = world.pids()
        config = cluster_config("a")
        await clusters.apply(replace(config, networks={"lan": replace(NETWORK, mtu=9000)}), None)
        await settle(clusters)
        assert world.pids()["a"] != before["a"]
        (switch,) = world.switches.processes
        assert switch.alive
        assert world.switches.specs[switch.pid]["mtu"] == 9000


async def test_what_the_switch_alone_does_changes_while_guests_run(
    autojump_clock: MockClock, made: Callable[[], Any]
) -> None:
    async with made() as world, world.daemon() as clusters:
        config = cluster_config("a", "b")
        await clusters.apply(config, None)
        await settle(clusters)
        before = world.pids()
        nic = config.guests["a"].nics[0]
        guest = replace(config.guests["a"], nics=(replace(nic, port={"vlan": {"access": 10}}),))
        switch = {"ageing": 60, "ports": [{"name": "x", "kind": "vde"}]}
        network = replace(NETWORK, switch=switch, host_loopback=True)
        edited = replace(config, networks={"lan": network}, guests={**config.guests, "a": guest})
        changes = await clusters.apply(edited, None)
        assert changes.changed_networks == {"lan": ("host_loopback", "ageing", "ports.x")}
        assert changes.changed == {"a": GuestChange(keys=("nics[0].vlan",), restart=False)}
        await settle(clusters)
        assert world.pids() == before
        (process,) = world.switches.processes
        spec = world.switches.specs[process.pid]
        assert (spec["ageing"], spec["host_loopback"]) == (60, True)
        assert [(port["name"], port.get("vlan")) for port in spec["ports"]] == [
            ("a", {"access": 10}),
            ("b", None),
            ("x", None),
        ]


async def test_what_a_switch_refuses_is_told_and_keeps_no_guest_down(
    autojump_clock: MockClock, made: Callable[[], Any]
) -> None:
    async with made() as world, world.daemon() as clusters:
        config = cluster_config("a", "b")
        await clusters.apply(config, None)
        await settle(clusters)
        before = world.pids()
        world.switches.refusal = "no right to make a TAP"
        network = replace(NETWORK, switch={"ports": [{"name": "x", "kind": "tap"}]})
        guests = {**config.guests, "b": replace(config.guests["b"], cpus=2)}
        edited = replace(config, networks={"lan": network}, guests=guests)
        for _ in range(2):  # the second `up` of the same file does not hide it
            with pytest.raises(VkdError, match="network lan: the switch refuses apply: no right to make a TAP"):
                await clusters.apply(edited, None)
            assert await settle(clusters) == {"a": "ready", "b": "ready"}
        assert world.pids()["a"] == before["a"] != world.pids()["b"] != before["b"]
        world.switches.refusal = None
        assert (await clusters.apply(config, None)).changed_networks == {"lan": ("ports.x",)}


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


async def test_crashed_switch_is_restarted_guests_run_on(autojump_clock: MockClock, made: Callable[[], Any]) -> None:
    async with made() as world, world.daemon() as clusters:
        await clusters.apply(cluster_config("a"), None)
        await settle(clusters)
        before = world.pids()
        world.switches.processes[0].end(None, -11)
        await trio.sleep(10)
        assert [process.alive for process in world.switches.processes] == [False, True]
        assert clusters.by_name["c"].networks["lan"].up
        assert world.pids() == before
        assert any("ended with status -11" in (event.message or "") for event in world.events)


async def test_a_switch_that_cannot_come_up_is_said(autojump_clock: MockClock, made: Callable[[], Any]) -> None:
    async with made() as world, world.daemon() as clusters:
        right = world.switches.launch

        def ends_at_once(folder: Path) -> Any:
            process = right(folder)
            (folder / "vether.log").write_text(
                "vether: cannot forward tcp 0.0.0.0:80: Address already in use\n  take another\n"
            )
            process.end(None, status)
            return process

        world.switches.launch = ends_at_once
        for number, kind in ((1, VkdError), (5, HostLacksError)):
            status = number
            with pytest.raises(kind, match=r"network 'lan' does not come up: .*Address already in use") as caught:
                await clusters.apply(cluster_config("a"), None)
            assert (caught.value.hint or "").startswith("take another; its log is ")
        assert trio.current_time() < 8
        assert world.host.processes == []
        world.switches.launch = right
        await clusters.apply(cluster_config("a"), None)
        assert await settle(clusters) == {"a": "ready"}


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
