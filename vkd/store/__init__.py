"""What must last: keys with values and revisions, leases, and a bounded journal of events.

The interface is small enough that an etcd can stand behind it; the embedded default is SQLite.
"""

from vkd.store.interface import Change, ConflictError, Entry, Store, StoreError
from vkd.store.sqlite import SqliteStore

__all__ = ["Change", "ConflictError", "Entry", "SqliteStore", "Store", "StoreError"]
