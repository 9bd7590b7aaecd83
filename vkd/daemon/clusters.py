"""All clusters of one daemon, and references to guests among them."""

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import trio

from vkd.config import Changes
from vkd.config.model import Cluster as Config
from vkd.errors import ConfigError, NotFoundError
from vkd.supervisor.cluster import Cluster, GetImage
from vkd.supervisor.context import Context
from vkd.supervisor.guest import Guest
from vkd.supervisor.lifecycle import State
from vkd.supervisor.prepare import get_image
from vkd.supervisor.records import Records
from vkd.supervisor.sweep import sweep
from vkd.supervisor.switchhost import SwitchHost

log = logging.getLogger(__name__)


class Clusters:
    """The clusters, by name."""

    def __init__(
        self,
        folder: Path,
        *,
        context: Context,
        switches: SwitchHost,
        records: Records,
        nursery: trio.Nursery,
        get_image: GetImage = get_image,
    ) -> None:
        """`folder` is the runtime folder."""
        self.by_name: dict[str, Cluster] = {}
        self._folder = folder
        self._context = context
        self._switches = switches
        self._records = records
        self._nursery = nursery
        self._get_image = get_image

    async def load(self) -> None:
        """Take up what an earlier daemon left."""
        for name, desired in (await self._records.clusters()).items():
            cluster = self._make(name)
            await cluster.load(desired)
            self.by_name[name] = cluster
        for name in self.strays():
            log.warning("the folder %s belongs to no cluster in the store; `vkd down %s` clears it", name, name)

    def strays(self) -> list[str]:
        """Return the folders of clusters that are not in the store, as a lost store leaves them."""
        return [path.name for path in self._folder.iterdir() if path.is_dir() and path.name not in self.by_name]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to serve."""
        return not self.by_name

    def summary(self) -> str:
        """Return what there is in a few words."""
        ready = sum(guest.state is State.READY for guest in self._guests())
        guests = sum(1 for _ in self._guests())
        return f"clusters: {len(self.by_name)}, guests ready: {ready} of {guests}"

    async def apply(self, config: Config, source: str | None) -> Changes:
        """Make a cluster like `config`; see :meth:`vkd.supervisor.cluster.Cluster.apply`."""
        cluster = self.by_name.get(config.name)
        if cluster is None:
            cluster = self._make(config.name)
            self.by_name[config.name] = cluster
        try:
            return await cluster.apply(config, source)
        finally:
            self._drop_if_gone(cluster)

    def _drop_if_gone(self, cluster: Cluster) -> None:
        # Who waits to apply to it has this very object: it stays the one of that name until nobody does.
        if cluster.gone and self.by_name.get(cluster.name) is cluster:
            del self.by_name[cluster.name]
            shutil.rmtree(cluster.folder, ignore_errors=True)

    def changes(self, config: Config, source: str | None = None) -> Changes:
        """Return what `apply` would change, or raise as it would for another file's cluster."""
        cluster = self.by_name.get(config.name) or self._make(config.name)
        cluster.check_source(source)
        cluster.check_host(config)
        return cluster.changes(config)

    async def down(self, name: str) -> None:
        """Remove a cluster wholly. Raises `NotFoundError`."""
        cluster = self.by_name.get(name)
        if cluster is not None:
            await cluster.down()
            self._drop_if_gone(cluster)
        elif name in self.strays():
            await sweep(self._folder / name)
        else:
            raise NotFoundError.named("cluster", name, self.by_name)

    def some(self, name: str | None) -> list[Cluster]:
        """Return the cluster `name`, or all. Raises `NotFoundError`."""
        if name is None:
            return list(self.by_name.values())
        if name not in self.by_name:
            raise NotFoundError.named("cluster", name, self.by_name)
        return [self.by_name[name]]

    def guest(self, reference: str) -> Guest:
        """Return the guest that `NAME` or `CLUSTER/NAME` means. Raises `NotFoundError`, or `ConfigError` if several."""
        cluster, _, name = reference.rpartition("/")
        if cluster:
            return self.some(cluster)[0].guest(name)
        found = [guest for guest in self._guests() if guest.name == name]
        if not found:
            for one in self.by_name.values():
                one.check_here(name)
            raise NotFoundError.named("guest", name, {guest.name for guest in self._guests()})
        if len(found) > 1:
            names = ", ".join(f"{guest.cluster}/{guest.name}" for guest in found)
            raise ConfigError(f"several guests are named {name!r}", hint=f"name one of: {names}")
        return found[0]

    def _guests(self) -> Iterator[Guest]:
        return (guest for cluster in self.by_name.values() for guest in cluster.guests.values())

    def _make(self, name: str) -> Cluster:
        return Cluster(
            name,
            self._folder / name,
            context=self._context,
            switches=self._switches,
            records=self._records,
            nursery=self._nursery,
            get_image=self._get_image,
        )
