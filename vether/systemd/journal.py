"""Whether standard error is the journal: JOURNAL_STREAM names the socket by device and inode (systemd.exec(5))."""

import os
from collections.abc import Mapping

_STDERR = 2


def is_journal(environment: Mapping[str, str] = os.environ, fd: int = _STDERR) -> bool:
    """Whether `fd` is the stream that JOURNAL_STREAM means; children whose output goes elsewhere have it, too."""
    try:
        status = os.fstat(fd)
    except OSError:
        return False
    return environment.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"
