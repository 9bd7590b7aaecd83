"""Whole clusters with fake guests and switches: what outlives a daemon, and how to wait."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio
import trio.lowlevel

from tests.daemon.fakes import FakeHost, FakeSwitchHost, boots_well, context, guest_config
from vkd.api import Event
from vkd.config.model import Cluster as Config
from vkd.config.model import Network, Nic
from vkd.daemon.clusters import Clusters
from vkd.errors import ImageError
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


async def settle(clusters: Clusters) -> dict[str, str]:
    guests = clusters.by_name["c"].guests
    with trio.fail_after(3600):
        for guest in guests.values():
            await guest.bell.until(lambda guest=guest: guest.settled)  # type: ignore[misc]
    return {name: guest.state.value for name, guest in guests.items()}
