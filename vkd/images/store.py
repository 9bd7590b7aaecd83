"""The images on this machine: made when first asked for, kept under a key of all that went into them.

`ensure` is what `vkd up` calls. Once an image is built it costs neither network nor work.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import trio

from vkd.errors import ImageError, NotFoundError
from vkd.images import tiny
from vkd.images.cache import Cache, make_folder, write_atomically
from vkd.images.fetch import digest_of, fetch
from vkd.images.index import Archive, Package, cached_release, find_packages, keyring, open_archive
from vkd.images.mirror import mirrors
from vkd.images.progress import Progress, Watcher

NAMES = (tiny.NAME,)
FORMAT = 2
FILES = ("kernel", "initrd")


@dataclass(frozen=True, slots=True)
class Image:
    """A built image: what a guest boots. `size` is that of kernel and initrd in bytes, `release` the kernel's."""

    name: str
    kernel: Path
    initrd: Path
    release: str
    built: datetime
    size: int
    cmdline: str = tiny.DEFAULT_CMDLINE
    #: The least RAM, bytes, that its kernel starts in.
    minimum_memory: int = tiny.MINIMUM_MEMORY
    #: How much more for each further hart.
    memory_per_hart: int = tiny.MEMORY_PER_HART


async def ensure(
    name: str, *, mirror: str | None = None, progress: Callable[[Progress], None] | None = None, refresh: bool = False
) -> Image:
    """Return the image `name`, after downloading and building it where that is needed.

    `progress` is called in the trio thread with each step, at most about ten times a second. `refresh` looks for newer
    packages. Raises NotFoundError for an unknown name and ImageError, HostLacksError or ConfigError when it cannot be
    made. A cancelled download is kept and resumed the next time.
    """

    def report(step: Progress) -> None:
        if progress is not None:
            trio.from_thread.run_sync(progress, step)

    watcher = Watcher(report, trio.from_thread.check_cancelled)
    return await trio.to_thread.run_sync(lambda: ensure_sync(name, mirror, watcher, refresh=refresh))


def ensure_sync(
    name: str, mirror: str | None, watcher: Watcher, *, refresh: bool = False, cache: Cache | None = None
) -> Image:
    """Do the work of `ensure` in this thread."""
    if name not in NAMES:
        raise NotFoundError.named("image", name, NAMES)
    cache = cache or Cache.default()
    recipe = tiny.recipe()
    if not refresh and (image := _current(cache, name, recipe)):
        return image
    with cache.lock(f"image-{name}", watcher.check, lambda: watcher.report(Progress("wait", name))):
        if not refresh and (image := _current(cache, name, recipe)):
            return image
        return _build(cache, name, recipe, mirror, watcher, refresh=refresh)


def list_images(cache: Cache | None = None) -> list[Image]:
    """Return the images that are built."""
    cache = cache or Cache.default()
    found = (_read(cache.images(name) / "current", name) for name in NAMES)
    return [image for image in found if image is not None]


def remove(name: str, cache: Cache | None = None) -> int:
    """Remove an image; returns the bytes that it took. Its packages stay until `prune`."""
    cache = cache or Cache.default()
    folder = cache.images(name)
    if name not in NAMES or not folder.exists():
        raise NotFoundError.named("image", name, [image.name for image in list_images(cache)])
    with cache.lock(f"image-{name}", lambda: None):
        freed = _usage(folder)
        shutil.rmtree(folder, ignore_errors=True)
    return freed


def prune(keep: Iterable[Path] = (), cache: Cache | None = None) -> int:
    """Remove downloads and superseded builds; returns the bytes freed.

    The current build of each image stays, and every build that has one of the files `keep` (those of running guests).
    """
    cache = cache or Cache.default()
    if not cache.root.exists():
        return 0
    with ExitStack() as locks:
        # A build under way needs its downloads, and its folder is not yet `current`.
        for name in NAMES:
            locks.enter_context(cache.lock(f"image-{name}", lambda: None))
        return _prune(cache, keep)


def _prune(cache: Cache, keep: Iterable[Path]) -> int:
    kept = {path.resolve().parent for path in keep}
    kept |= {(cache.images(name) / "current").resolve() for name in NAMES}
    doomed = [path for path in (cache.root / "blobs").glob("*") if path.is_file()]
    doomed += [path for path in (cache.root / "images").glob("*/*") if not path.is_symlink() and path not in kept]
    freed = 0
    for path in doomed:
        if not path.is_dir():
            freed += path.stat().st_size
            path.unlink()
        elif path.resolve() not in kept:
            freed += _usage(path)
            shutil.rmtree(path)
    return freed


def _build(cache: Cache, name: str, recipe: str, mirror: str | None, watcher: Watcher, *, refresh: bool) -> Image:
    archive = _archive(cache, mirror, watcher, refresh=refresh)
    names = {tiny.KERNEL, *tiny.PROGRAMS}
    packages = find_packages(archive, cache, watcher, names, set(tiny.SECTIONS))

    def get(package: Package) -> Path:
        path = fetch(archive.remote(package), cache, watcher)
        watcher.report(Progress("unpack", package.name))
        return path

    made = tiny.build(packages, get, watcher.check)
    watcher.report(Progress("build", "initrd"))
    key = hashlib.sha256("\n".join([recipe, *(package.sha256 for package in made.packages)]).encode()).hexdigest()[:16]
    folder = cache.images(name) / key
    write_atomically(folder / "kernel", iter([made.kernel]))
    write_atomically(folder / "initrd", made.initrd)
    facts: dict[str, Any] = {
        "format": FORMAT,
        "name": name,
        "recipe": recipe,
        "debian": archive.version,
        "release": made.release,
        "sha256": {file: digest_of(folder / file) for file in FILES},
        "built": datetime.now(UTC).isoformat(timespec="seconds"),
        "packages": [asdict(package) for package in made.packages],
    }
    # Written last: a build without it is not one.
    write_atomically(folder / "image.json", iter([json.dumps(facts, indent=1).encode()]))
    _point(folder.parent / "current", key)
    image = _read(folder.parent / "current", name)
    if image is None:
        raise ImageError(f"the image {name} in {folder} vanished while it was built")
    return image


def _archive(cache: Cache, mirror: str | None, watcher: Watcher, *, refresh: bool) -> Archive:
    """Return the verified release: the one in the cache if its index is there too, else the mirror's newest."""
    addresses = mirrors(mirror, os.environ)
    keys = keyring()
    known = None if refresh else cached_release(cache, addresses[0], keys)
    if known is not None and cache.blob(known.index.sha256).exists():
        return known
    return open_archive(addresses, cache, keys, watcher)


def _current(cache: Cache, name: str, recipe: str) -> Image | None:
    """Return the build in use, if there is one of this recipe; raises ImageError when a file of it has changed.

    Where another version of vkd has put its own in use, ours that is still there does: neither is built time and again.
    """
    folder = cache.images(name)
    image = _read(folder / "current", name, recipe)
    if image is None:
        others = (_read(path, name, recipe) for path in folder.glob("*") if not path.is_symlink())
        image = max((found for found in others if found), key=lambda found: found.built, default=None)
    if image is not None:
        noted = json.loads((image.kernel.parent / "image.json").read_bytes())["sha256"]
        for path in (image.kernel, image.initrd):
            state = path.stat()
            if _digest(path, state.st_mtime_ns, state.st_size) != noted[path.name]:
                shutil.rmtree(image.kernel.parent)
                raise ImageError(
                    f"the image {name} is corrupt: the SHA-256 of {path} is not the one noted; it was removed",
                    hint="try again: it is built anew from the packages in the cache",
                )
    return image


@lru_cache(maxsize=16)
def _digest(path: Path, _modified: int, _size: int) -> str:
    """Return the SHA-256 of a file; one that was not written to since is not read again."""
    return digest_of(path)


def _read(link: Path, name: str, recipe: str | None = None) -> Image | None:
    """Read the build that `link` points to; None when it is not whole, or not of `recipe`."""
    folder = link.resolve()
    try:
        facts = json.loads((folder / "image.json").read_bytes())
        if (
            facts["format"] != FORMAT
            or not facts["sha256"].keys() >= set(FILES)
            or (recipe is not None and facts["recipe"] != recipe)
        ):
            return None
        kernel, initrd = folder / "kernel", folder / "initrd"
        size = kernel.stat().st_size + initrd.stat().st_size
        return Image(name, kernel, initrd, facts["release"], datetime.fromisoformat(facts["built"]), size)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _point(link: Path, target: str) -> None:
    make_folder(link.parent)
    temporary = link.with_name(f".current.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(link)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _usage(folder: Path) -> int:
    return sum(path.stat().st_size for path in _files(folder))
