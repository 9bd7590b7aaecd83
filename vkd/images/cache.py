"""The folder where downloads and images are kept, and the locks on what is in it.

blobs/DIGEST            a download, named by its SHA-256
blobs/DIGEST.part       one that is not complete
index/InRelease         the last index that was verified
images/NAME/KEY/        a built image: kernel, initrd, image.json
images/NAME/current     a link to the KEY in use
locks/                  one file per thing that only one process may make
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from vkd.errors import ImageError
from vkd.paths import home

POLL = 0.2
"""Seconds between two looks at a lock that another process holds."""


@dataclass(frozen=True, slots=True)
class Cache:
    """A cache folder. Nothing in it is made until it is written to."""

    root: Path

    @classmethod
    def default(cls, environ: Mapping[str, str] = os.environ) -> Cache:
        """Return the user's cache: `$XDG_CACHE_HOME/vkd`, or `~/.cache/vkd`."""
        base = environ.get("XDG_CACHE_HOME", "")
        # The base-directory specification: a relative path is to be ignored.
        return cls((Path(base) if base.startswith("/") else home() / ".cache") / "vkd")

    def blob(self, digest: str) -> Path:
        """Return the path of a download; it exists only when it is complete and verified."""
        return self.root / "blobs" / digest

    @property
    def release(self) -> Path:
        """The last verified InRelease."""
        return self.root / "index" / "InRelease"

    def images(self, name: str) -> Path:
        """Return the folder of all builds of an image."""
        return self.root / "images" / name

    @contextmanager
    def lock(self, name: str, check: Callable[[], None], waiting: Callable[[], None] | None = None) -> Iterator[None]:
        """Hold the lock `name` against other processes and threads.

        `check` is called while waiting and may raise to give up; `waiting` is called once when there is a wait.
        """
        path = self.root / "locks" / name
        make_folder(path.parent)
        with path.open("a") as handle:
            while True:
                with suppress(BlockingIOError):
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                if waiting is not None:
                    waiting()
                    waiting = None
                check()
                time.sleep(POLL)
            yield


def make_folder(path: Path) -> None:
    """Make a folder of the cache; raises ImageError that names it when that fails."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImageError(
            f"cannot make the cache folder {path}: {error.strerror}", hint="set XDG_CACHE_HOME to a folder with room"
        ) from error


def write_atomically(path: Path, pieces: Iterator[bytes]) -> None:
    """Write a file so that it is there whole or not at all, also after a crash."""
    make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as handle:
            for piece in pieces:
                handle.write(piece)
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(path)
    except OSError as error:
        raise ImageError(f"cannot write {path}: {error.strerror}", hint="is the disk full?") from error
    finally:
        temporary.unlink(missing_ok=True)
