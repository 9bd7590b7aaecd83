"""Opening the SQLite file: pragmas, the schema and its version, and what to say when the file is damaged."""

import sqlite3
from pathlib import Path

from vkd.store.interface import StoreError

#: The version that this code writes, in `PRAGMA user_version`. Each entry of `_STEPS` leads from one to the next.
VERSION = 1

_STEPS = (
    """
    CREATE TABLE leases (id INTEGER PRIMARY KEY AUTOINCREMENT, expires REAL NOT NULL);
    CREATE TABLE entries (
        key TEXT PRIMARY KEY, value BLOB NOT NULL, revision INTEGER NOT NULL,
        lease INTEGER REFERENCES leases(id) ON DELETE CASCADE
    ) WITHOUT ROWID;
    CREATE TABLE counter (revision INTEGER NOT NULL);
    INSERT INTO counter VALUES (0);
    CREATE TABLE events (id INTEGER PRIMARY KEY AUTOINCREMENT, cluster TEXT, body BLOB NOT NULL);
    """,
)


def connect(path: Path) -> sqlite3.Connection:
    """Open (or make) the database at `path`, mode 0600, at the current schema.

    Raises `StoreError` when it is damaged or written by a newer vkd; the file is left as it is.
    """
    try:
        path.touch(mode=0o600)
        connection = sqlite3.connect(path, isolation_level=None)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"cannot open the store {path}: {error}", hint="check the folder's rights") from error
    try:
        _prepare(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise failed(path, error) from error
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA busy_timeout = 5000")
    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise damaged(path, verdict)
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise StoreError(
            f"the store {path} was written by a newer vkd (schema {version}, this one knows {VERSION})",
            hint="use that version, or set VKD_STATE_DIR to another folder",
        )
    for number, step in enumerate(_STEPS[version:], version + 1):
        connection.executescript(f"BEGIN; {step}; PRAGMA user_version = {number}; COMMIT;")


def failed(path: Path, error: sqlite3.Error) -> StoreError:
    """Return the error for a statement that SQLite refused: the host's fault, or the file's."""
    if isinstance(error, sqlite3.OperationalError):
        return StoreError(
            f"cannot use the store {path}: {error}", hint=f"check the disk and the rights of {path.parent}"
        )
    return damaged(path, error)


def damaged(path: Path, why: object) -> StoreError:
    """Return the error for a file that SQLite cannot read."""
    return StoreError(
        f"the store {path} is damaged: {why}",
        hint=f"nothing was changed and guests run on; move it away (mv {path} {path}.damaged) and run `vkd up` again",
    )
