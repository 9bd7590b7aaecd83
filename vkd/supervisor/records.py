"""Typed access to what the store keeps of clusters.

| key | value |
|---|---|
| `clusters/NAME` | the resolved cluster as given to `up`, and the file it came from |
| `guests/CLUSTER/NAME` | :class:`~vkd.supervisor.record.GuestRecord` |
| `networks/CLUSTER/NAME` | the process that serves it |
| `keys/CLUSTER` | :class:`~vkd.supervisor.keys.Keys` |
"""

from typing import Any, TypeVar

import msgspec

from vkd.config.model import Cluster
from vkd.store import Store, StoreError
from vkd.supervisor.keys import Keys
from vkd.supervisor.record import GuestRecord, Identity

_T = TypeVar("_T")


class Desired(msgspec.Struct):
    """What the user wants of one cluster."""

    cluster: Cluster
    source: str | None = None


class Records:
    """The store, for supervision. Raises `StoreError` for values that this version cannot read."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def clusters(self) -> dict[str, Desired]:
        """Return every cluster by name."""
        return await self._all("clusters/", Desired)

    async def put_cluster(self, desired: Desired) -> None:
        """Write one cluster."""
        await self._store.put(f"clusters/{desired.cluster.name}", _plain(desired))

    async def guests(self, cluster: str) -> dict[str, GuestRecord]:
        """Return the records of a cluster's guests by name."""
        return await self._all(f"guests/{cluster}/", GuestRecord)

    async def put_guest(self, cluster: str, name: str, record: GuestRecord) -> None:
        """Write the record of one guest."""
        await self._store.put(f"guests/{cluster}/{name}", _plain(record))

    async def forget_guest(self, cluster: str, name: str) -> None:
        """Remove the record of one guest."""
        await self._store.delete(f"guests/{cluster}/{name}")

    async def networks(self, cluster: str) -> dict[str, Identity]:
        """Return the processes of a cluster's networks by name."""
        return await self._all(f"networks/{cluster}/", Identity)

    async def put_network(self, cluster: str, name: str, process: Identity | None) -> None:
        """Write, or with None remove, the process of one network."""
        key = f"networks/{cluster}/{name}"
        if process is None:
            await self._store.delete(key)
        else:
            await self._store.put(key, _plain(process))

    async def keys(self, cluster: str) -> Keys | None:
        """Return the keys of a cluster."""
        return (await self._all(f"keys/{cluster}", Keys, exact=True)).get("")

    async def put_keys(self, cluster: str, keys: Keys) -> None:
        """Write the keys of a cluster."""
        await self._store.put(f"keys/{cluster}", _plain(keys))

    async def forget(self, cluster: str) -> None:
        """Remove everything about a cluster."""
        for prefix in (f"guests/{cluster}/", f"networks/{cluster}/"):
            for key in await self._store.scan(prefix):
                await self._store.delete(key)
        await self._store.delete(f"keys/{cluster}")
        await self._store.delete(f"clusters/{cluster}")

    async def empty(self) -> bool:
        """Whether the store holds no cluster."""
        return not await self._store.scan("clusters/")

    async def _all(self, prefix: str, kind: type[_T], *, exact: bool = False) -> dict[str, _T]:
        entries = await self._store.scan(prefix)
        wanted = {key: entry for key, entry in entries.items() if not exact or key == prefix}
        return {key.removeprefix(prefix): _typed(key, entry.value, kind) for key, entry in wanted.items()}


def _plain(value: object) -> Any:
    return msgspec.to_builtins(value, builtin_types=(bytes,))


def _typed(key: str, value: object, kind: type[_T]) -> _T:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise StoreError(
            f"the store's entry {key} cannot be read: {error}",
            hint="it was written by another version of vkd: run `vkd down` with that one, or set VKD_STATE_DIR",
        ) from error
