"""The `newc` cpio archive, the form of a Linux initramfs.

Source: Linux, Documentation/driver-api/early-userspace/buffer-format.rst; cpio(5), "New ASCII Format".
Each entry is a 110-byte header of hexadecimal ASCII fields, the name with a NUL, and the data, both padded to four
bytes. The writer is deterministic: times are zero, inode numbers count up, entries stand in the order given.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MAGIC = b"070701"
TRAILER = "TRAILER!!!"
HEADER_SIZE = 110
BLOCK = 512
MAX_SIZE = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of an archive.

    `name` is relative without a leading slash; `mode` holds type and permissions (`stat.S_IFREG | 0o644`);
    `data` is a regular file's content or a symbolic link's target; `device` is (major, minor) of a device node.
    """

    name: str
    mode: int
    data: bytes = b""
    device: tuple[int, int] = (0, 0)
    uid: int = 0
    gid: int = 0

    def __post_init__(self) -> None:
        if not self.name or self.name.startswith("/") or "\0" in self.name or self.name == TRAILER:
            raise ValueError(f"not a name for an archive entry: {self.name!r}")
        if len(self.data) > MAX_SIZE:
            raise ValueError(f"{self.name}: larger than 4 GiB, which newc cannot hold")
        if self.data and not (stat.S_ISREG(self.mode) or stat.S_ISLNK(self.mode)):
            raise ValueError(f"{self.name}: only regular files and symbolic links have data")


def file(name: str, data: bytes, mode: int = 0o644) -> Entry:
    """Return a regular file."""
    return Entry(name, stat.S_IFREG | mode, data)


def directory(name: str, mode: int = 0o755) -> Entry:
    """Return a directory."""
    return Entry(name, stat.S_IFDIR | mode)


def symlink(name: str, target: str) -> Entry:
    """Return a symbolic link to `target`."""
    return Entry(name, stat.S_IFLNK | 0o777, target.encode())


def char_device(name: str, major: int, minor: int, mode: int = 0o600) -> Entry:
    """Return a character device node."""
    return Entry(name, stat.S_IFCHR | mode, device=(major, minor))


def with_parents(entries: Iterable[Entry], modes: dict[str, int] | None = None) -> Iterator[Entry]:
    """Yield `entries`, each preceded by those of its parent folders that have not come yet.

    The kernel unpacks in order and makes no missing folder. `modes` gives the mode of a folder where it is not 0755.
    """
    made: set[str] = set()
    for entry in entries:
        parts = entry.name.split("/")
        for depth in range(1, len(parts)):
            parent = "/".join(parts[:depth])
            if parent not in made:
                made.add(parent)
                yield directory(parent, (modes or {}).get(parent, 0o755))
        if stat.S_ISDIR(entry.mode):
            if entry.name in made:
                continue
            made.add(entry.name)
        yield entry


def write(entries: Iterable[Entry]) -> Iterator[bytes]:
    """Yield the archive in pieces, padded at the end to 512 bytes so that another archive can follow it."""
    written = 0
    for inode, entry in enumerate(entries, start=1):
        for piece in _record(entry.name, _fields(entry, inode), entry.data, entry.device):
            written += len(piece)
            yield piece
    for piece in _record(TRAILER, (0, 0, 0, 0, 1), b"", (0, 0)):
        written += len(piece)
        yield piece
    yield bytes(-written % BLOCK)


def pack(entries: Iterable[Entry]) -> bytes:
    """Return the whole archive."""
    return b"".join(write(entries))


def _fields(entry: Entry, inode: int) -> tuple[int, int, int, int, int]:
    return inode, entry.mode, entry.uid, entry.gid, 2 if stat.S_ISDIR(entry.mode) else 1


def _record(name: str, fields: tuple[int, int, int, int, int], data: bytes, device: tuple[int, int]) -> Iterator[bytes]:
    encoded = name.encode(errors="surrogateescape") + b"\0"
    header = (*fields, 0, len(data), 0, 0, *device, len(encoded), 0)
    head = MAGIC + b"".join(b"%08x" % value for value in header) + encoded
    yield head + bytes(-len(head) % 4)
    if data:
        yield data
        yield bytes(-len(data) % 4)


def read_untrusted(archive: bytes) -> Iterator[Entry]:
    """Yield the entries of one or more archives laid end to end, with zero bytes between them.

    Raises ValueError, which says at what offset, when the bytes are not a newc archive.
    """
    view = memoryview(archive)
    at = 0
    while at < len(view):
        if at % 4 == 0 and view[at] == 0:
            at += 1
            while at < len(view) and view[at] == 0:
                at += 1
            continue
        entry, at = _read_member(view, at)
        if entry is not None:
            yield entry


def _read_member(view: memoryview, at: int) -> tuple[Entry | None, int]:
    header = bytes(view[at : at + HEADER_SIZE])
    if len(header) < HEADER_SIZE or header[:6] != MAGIC:
        raise ValueError(f"no newc header at offset {at}")
    try:
        fields = [int(header[start : start + 8], 16) for start in range(6, HEADER_SIZE, 8)]
    except ValueError:
        raise ValueError(f"a header field at offset {at} is not hexadecimal") from None
    _, mode, uid, gid, _, _, size, _, _, major, minor, name_size, _ = fields
    name_at = at + HEADER_SIZE
    data_at = name_at + name_size + -(HEADER_SIZE + name_size) % 4
    end = data_at + size
    if name_size == 0 or end > len(view):
        raise ValueError(f"the entry at offset {at} reaches beyond the archive")
    raw_name = bytes(view[name_at : name_at + name_size])
    if raw_name[-1] != 0:
        raise ValueError(f"the name at offset {name_at} has no end")
    name = raw_name[:-1].decode(errors="surrogateescape")
    following = end + -size % 4
    if name == TRAILER:
        return None, following
    data = bytes(view[data_at:end])
    try:
        return Entry(name, mode, data, (major, minor), uid, gid), following
    except ValueError as error:
        raise ValueError(f"the entry at offset {at}: {error}") from None
