"""Reading Debian packages: an ar archive with a compressed tar in it, read as a stream.

Source: deb(5), ar(5). The Debian archive compresses with xz; other packages that dpkg-deb makes may use gzip or none.
"""

from __future__ import annotations

import posixpath
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from debian.arfile import ArError, ArFile

from vkd.errors import ImageError

MODES = {"data.tar.xz": "r|xz", "data.tar.gz": "r|gz", "data.tar": "r|"}


@dataclass(frozen=True, slots=True)
class Member:
    """A file of a package: its path without a leading slash, and either its content or a link's target."""

    path: str
    mode: int
    data: bytes
    link: str | None = None


def members(package: Path, wanted: Callable[[str], bool], check: Callable[[], None]) -> Iterator[Member]:
    """Yield the regular files and symbolic links of a package whose path is `wanted`.

    A hard link is yielded as a symbolic link to its first name. Raises ImageError that names the package when it is not
    one or is cut short.
    """
    try:
        with package.open("rb") as handle:
            archive = ArFile(fileobj=handle)
            data = next((member for member in archive.getmembers() if member.name in MODES), None)
            if data is None:
                raise ImageError(f"{package} has no member of {', '.join(MODES)}, but {', '.join(archive.getnames())}")
            with tarfile.open(fileobj=cast(IO[bytes], data), mode=MODES[str(data.name)]) as tar:  # type: ignore[call-overload]
                for info in tar:
                    check()
                    path = posixpath.normpath(info.name).lstrip("/")
                    if not wanted(path):
                        continue
                    if info.issym():
                        yield Member(path, 0o777, b"", info.linkname)
                    elif info.islnk():
                        yield Member(path, 0o777, b"", "/" + posixpath.normpath(info.linkname))
                    elif (content := tar.extractfile(info)) is not None:
                        yield Member(path, info.mode & 0o7777, content.read())
    except (tarfile.TarError, ArError, EOFError, OSError, ValueError) as error:
        raise ImageError(
            f"{package} is not a Debian package that can be read: {error}", hint=f"remove {package}"
        ) from error
