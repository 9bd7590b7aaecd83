"""One daemon for each runtime and each state folder: a lock on a file in it, which holds the daemon's pid."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from vkd.errors import VkdError

NAME = "daemon.lock"

_POLL = 0.05


@contextmanager
def only_daemon(folder: Path, patience: float = 0.0, hopeless: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Hold the folder's lock.

    Raises `VkdError` that names the holder when it is not free within `patience` seconds, or sooner when `hopeless`.
    """
    deadline = time.monotonic() + patience
    while True:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            if time.monotonic() >= deadline or hopeless():
                raise VkdError(
                    f"a vkd daemon, pid {holder}, serves {folder} already",
                    hint=f"use it (`vkd ps`), or end it (`kill {holder}`; guests run on), "
                    "or set VKD_RUNTIME_DIR and VKD_STATE_DIR to folders of your own",
                ) from None
            time.sleep(_POLL)
            continue
        # The holder before us removes the file as it ends; a lock on a removed file keeps nobody out.
        if _is_at(descriptor, folder / NAME):
            break
        os.close(descriptor)
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        (folder / NAME).unlink(missing_ok=True)
        os.close(descriptor)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    ours = os.fstat(descriptor)
    return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)
