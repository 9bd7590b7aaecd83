"""What can go wrong for a user of vether, with the exit code that the command line ends with."""

import errno
from pathlib import Path
from typing import ClassVar


class VetherError(Exception):
    """Something failed. The message says what, `hint` what to do next."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class SpecError(VetherError):
    """A wrong key, value or usage."""

    exit_code = 2


class NotRunningError(VetherError):
    """No switch of that name runs."""

    exit_code = 3


class HostLacksError(VetherError):
    """The host has no library, right or resource that is needed."""

    exit_code = 5


def hint_to_write(path: Path, error: OSError) -> str | None:
    """Return what to do where the file `path` cannot be made or written, as far as that is known."""
    if error.errno == errno.ENOENT:
        return f"make the folder first: mkdir -p {path.parent}"
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return "name a file in a folder that you may write to"
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return "make room there, or name a file elsewhere"
    if error.errno in {errno.EISDIR, errno.ENOTDIR, errno.EEXIST}:
        return "something else has this name, or that of a folder in front of it; name another file"
    return None
