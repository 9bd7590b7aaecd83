"""A root file system of Debian packages, unpacked and not installed: an archive for guests, a folder for the host."""

import hashlib
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from bench.debian.packages import download
from vkd.images import cpio
from vkd.images.cache import Cache, write_atomically
from vkd.images.unpack import Member, members

#: What the programs do not read when they run: documentation, settings, and the parts of gcc that link and instrument.
UNUSED = re.compile(
    r"(etc|usr/(sbin|share))/|.*\.a$|.*/(lto1|[^/]*lto-dump[^/]*|lib([athl]|hw|ub)san\.[^/]*|[^/]*gprofng.*)$"
)
LINKS = ("bin", "sbin", "lib", "lib64")
"""Folders that Debian has had in `usr` since the merge of the two."""


def archive(names: Iterable[str], architecture: str, cache: Cache) -> Path:
    """Return the cpio archive with the packages named and what they need, after making it where it is not there yet.

    `architecture` is Debian's word for it. Raises VkdError when the packages cannot be had.
    """
    names = sorted(names)
    recipe = hashlib.sha256(repr((names, architecture)).encode() + Path(__file__).read_bytes()).hexdigest()[:16]
    path = cache.root / "bench" / f"{architecture}-{recipe}.cpio"
    if not path.exists():
        packages = download(names, architecture, cache)
        entries = (entry for package in packages for entry in _entries(package))
        unique = {entry.name: entry for entry in [*(cpio.symlink(name, f"usr/{name}") for name in LINKS), *entries]}
        write_atomically(path, cpio.write(cpio.with_parents(unique[name] for name in sorted(unique))))
    return path


def extract(archives: Iterable[Path], folder: Path) -> None:
    """Unpack archives that we made ourselves into a folder, without their device nodes."""
    for path in archives:
        for entry in cpio.read_untrusted(path.read_bytes()):
            target = folder / entry.name
            if stat.S_ISDIR(entry.mode):
                target.mkdir(exist_ok=True)
            elif stat.S_ISLNK(entry.mode):
                target.symlink_to(entry.data.decode())
            elif stat.S_ISREG(entry.mode):
                target.write_bytes(entry.data)
                target.chmod(stat.S_IMODE(entry.mode))


def _entries(package: Path) -> Iterator[cpio.Entry]:
    for member in members(package, lambda path: UNUSED.match(path) is None, lambda: None):
        yield _entry(member)


def _entry(member: Member) -> cpio.Entry:
    # Packages from before the merge still say `lib/...`.
    name = f"usr/{member.path}" if member.path.startswith(tuple(f"{link}/" for link in LINKS)) else member.path
    if member.link is not None:
        return cpio.symlink(name, member.link)
    return cpio.file(name, member.data, member.mode)
