"""The packages that a set of programs needs: found in the archive's verified index, and downloaded once."""

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from vkd.errors import ImageError
from vkd.images.cache import Cache
from vkd.images.fetch import fetch
from vkd.images.index import Package, find_packages, keyring, open_archive
from vkd.images.mirror import mirrors
from vkd.images.progress import Watcher

#: Depended upon by scripts of the installation, which never run here.
UNUSED = frozenset({"debconf", "dpkg", "install-info", "media-types", "netbase", "perl", "perl-base", "tzdata", "ucf"})

Find = Callable[[set[str]], Mapping[str, Package]]


def download(names: Iterable[str], architecture: str, cache: Cache) -> list[Path]:
    """Return the files of the packages named and of all that they depend on, in the order of their names.

    Raises VkdError when the archive cannot be had or lacks one of `names`.
    """
    watcher = Watcher()
    archive = open_archive(mirrors(None, os.environ), cache, keyring(), watcher, architecture=architecture)
    found = closure(names, lambda wanted: find_packages(archive, cache, watcher, wanted, set()))
    return [fetch(archive.remote(package), cache, watcher) for package in found]


def closure(names: Iterable[str], find: Find) -> list[Package]:
    """Return the packages named and, layer by layer, those that they depend on, by name.

    What `find` does not know of these is a virtual package and is passed over; of `names` it must know all.
    """
    wanted = set(names)
    found = dict(find(wanted))
    if missing := wanted - found.keys():
        raise ImageError(f"the archive has no package {', '.join(sorted(missing))}")
    asked = wanted | UNUSED
    layer = [*found.values()]
    while wanted := {name for package in layer for name in package.depends} - asked:
        asked |= wanted
        layer = [*find(wanted).values()]
        found |= {package.name: package for package in layer}
    return [found[name] for name in sorted(found)]
