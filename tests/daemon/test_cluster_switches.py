"""Clusters and their switches: what changes while guests run, what a switch refuses, one that crashes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.lowlevel
from msgspec.structs import replace
from trio.testing import MockClock

from tests.daemon.cluster_world import NETWORK, cluster_config, settle
from vkd.config import GuestChange
from vkd.errors import HostLacksError, VkdError


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
        # The error says it; nothing says it before that.
        assert not any("restart in" in (event.message or "") for event in world.events)
        assert world.host.processes == []
        world.switches.launch = right
        await clusters.apply(cluster_config("a"), None)
        assert await settle(clusters) == {"a": "ready"}
