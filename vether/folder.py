"""The runtime folder of a switch: who may use it, what lies in it, and that nothing stays behind.

| file | what |
|---|---|
| `lock` | held with flock(2) by the one daemon of this folder; holds its process id |
| `ctl` | the control socket |
| `ports/NAME` | the socket of each port, or its folder (VDE) |
| `log` | what the daemon has to tell; removed when it stops cleanly |
"""

import contextlib
import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from vether.errors import HostLacksError, VetherError

#: The longest path that fits `sockaddr_un.sun_path` with its final zero byte (unix(7)).
MAX_SOCKET_PATH = 107

#: The control socket in a runtime folder.
CONTROL = "ctl"

#: Where the folders of the system's switches are: those of root, and those of vether@.service.
SYSTEM = Path("/run/vether")


def default(network: str) -> Path:
    """Return the folder of the switch called `network` when none is given; it need not exist."""
    if session := os.environ.get("XDG_RUNTIME_DIR"):
        base = Path(session) / "vether"
    elif os.geteuid() == 0:
        base = SYSTEM
    else:
        base = Path(f"/tmp/vether-{os.geteuid()}")  # noqa: S108 - claim() refuses a folder that another user made
    return base / network


def find(network: str) -> Path:
    """Return the folder where a command looks for the switch called `network`: our own, or else the system's."""
    own, system = default(network), SYSTEM / network
    return own if os.path.lexists(own / CONTROL) or not os.path.lexists(system) else system


class Folder:
    """The paths in a runtime folder."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.lock = self.path / "lock"
        self.control = self.path / CONTROL
        self.ports = self.path / "ports"
        self.log = self.path / "log"

    def socket(self, port: str) -> Path:
        """Return the socket of a port."""
        return self.ports / port


@contextlib.contextmanager
def claim(folder: Folder) -> Iterator[None]:
    """Make the folder, be its only daemon, and leave nothing behind at a clean end (an error leaves the log).

    Raises `VetherError` if another daemon has it, `HostLacksError` if it cannot be used.
    """
    if len(os.fsencode(folder.control)) > MAX_SOCKET_PATH:
        raise HostLacksError(
            f"the path of the control socket is too long for a unix socket: {folder.control}",
            hint=f"give a shorter folder with --dir (the whole path may have {MAX_SOCKET_PATH} bytes)",
        )
    made = _make_private(folder.path)
    with contextlib.closing(_lock(folder)):
        _make_private(folder.ports)
        _remove_folders(folder.ports)
        clean = False
        try:
            yield
            clean = True
        finally:
            folder.control.unlink(missing_ok=True)
            shutil.rmtree(folder.ports, ignore_errors=True)
            if clean:
                folder.log.unlink(missing_ok=True)
            folder.lock.unlink(missing_ok=True)
            if made and clean:
                with contextlib.suppress(OSError):
                    folder.path.rmdir()


class _lock:  # noqa: N801 - a function that must be closed
    """Hold the lock file. Its holder unlinks it, so a lock counts only while the path still names the same file."""

    def __init__(self, folder: Folder) -> None:
        while True:
            self._fd = os.open(folder.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                owner = os.read(self._fd, 32).decode(errors="replace").strip() or "unknown"
                os.close(self._fd)
                raise VetherError(
                    f"another vether (process {owner}) serves {folder.path}",
                    hint=f"stop it with: vether stop --dir {folder.path}",
                ) from None
            with contextlib.suppress(FileNotFoundError):
                if os.fstat(self._fd).st_ino == folder.lock.stat().st_ino:
                    break
            os.close(self._fd)
        os.ftruncate(self._fd, 0)
        os.write(self._fd, f"{os.getpid()}\n".encode())

    def close(self) -> None:
        """Give the lock up."""
        os.close(self._fd)


def _remove_folders(ports: Path) -> None:
    """Remove the folders of ports that a killed daemon left; a socket is replaced by who listens there next."""
    for entry in ports.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)


def _make_private(path: Path) -> bool:
    existed = path.exists()
    hint = "give another folder with --dir"
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.lstat()
    except OSError as error:
        raise HostLacksError(f"cannot make the folder {path}: {error.strerror}", hint=hint) from error
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise HostLacksError(f"{path} is not a folder of this user", hint=hint)
    if status.st_mode & 0o022:
        raise HostLacksError(f"{path} can be written by other users", hint=f"chmod 700 {path}")
    return not existed
