"""The store's interface: get, compare-and-set, watch and lease over keys like `clusters/NAME`.

Every change gives its key a new revision, greater than any before it in the whole store. Values are anything that
msgpack carries.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Protocol

from vkd.errors import VkdError


class StoreError(VkdError):
    """The store cannot be opened, read or written."""


class ConflictError(StoreError):
    """The key was changed by somebody else since it was read."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A value and the revision at which it was written."""

    value: Any
    revision: int


@dataclass(frozen=True, slots=True)
class Change:
    """A key was written (`entry`) or removed (None)."""

    key: str
    entry: Entry | None


class Store(Protocol):
    """Keys and values with revisions. All methods raise `StoreError` when the store itself fails."""

    async def get(self, key: str) -> Entry | None:
        """Return the entry of `key`, or None."""

    async def scan(self, prefix: str) -> dict[str, Entry]:
        """Return all entries whose key begins with `prefix`, by key in order."""

    async def put(self, key: str, value: object, *, expect: int | None = None, lease: int | None = None) -> int:
        """Write, and return the new revision.

        With `expect` the key must be at that revision (0: it must not exist), else `ConflictError`. With `lease` the
        key goes when the lease does.
        """

    async def delete(self, key: str, *, expect: int | None = None) -> bool:
        """Remove `key`; return whether it was there. `expect` as for `put`."""

    def watch(self, prefix: str) -> AsyncIterator[Change]:
        """Yield every change from now on to keys that begin with `prefix`."""

    async def grant(self, seconds: float) -> int:
        """Make a lease that ends after `seconds` unless it is renewed; return its id."""

    async def renew(self, lease: int, seconds: float) -> bool:
        """Let the lease end `seconds` from now; return False if it has ended already."""

    async def revoke(self, lease: int) -> None:
        """End the lease and remove its keys."""
