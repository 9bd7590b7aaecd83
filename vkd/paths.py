"""Where vkd keeps what: the runtime folder (sockets, locks) and the state folder (store, logs).

| folder | first of |
|---|---|
| runtime | `$VKD_RUNTIME_DIR`, `$XDG_RUNTIME_DIR/vkd`, `/run/vkd` for root, `/tmp/vkd-UID` |
| state | `$VKD_STATE_DIR`, `$XDG_STATE_HOME/vkd`, `~/.local/state/vkd` |

The functions only name the folders; :func:`ensure_private` makes one and refuses one that others could write.
"""

import os
import stat
from pathlib import Path

from vkd.errors import HostLacksError

#: The longest path that fits `sockaddr_un.sun_path` with its final zero byte (unix(7)).
MAX_SOCKET_PATH = 107

#: The longest name of a socket in a guest's folder, with its slash.
_SOCKET_NAME = len("/console.sock")


def runtime_dir() -> Path:
    """Return the folder of sockets and locks; it need not exist."""
    if chosen := os.environ.get("VKD_RUNTIME_DIR"):
        return Path(chosen).absolute()
    if session := os.environ.get("XDG_RUNTIME_DIR"):
        return Path(session) / "vkd"
    if os.geteuid() == 0:
        return Path("/run/vkd")
    return Path(f"/tmp/vkd-{os.geteuid()}")  # noqa: S108 - ensure_private refuses a folder that another user made


def state_dir() -> Path:
    """Return the folder of what must outlive a boot of the host; it need not exist."""
    if chosen := os.environ.get("VKD_STATE_DIR"):
        return Path(chosen).absolute()
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else home() / ".local/state") / "vkd"


def home() -> Path:
    """Return the user's home folder. Raises `HostLacksError` for a user that has none."""
    try:
        return Path.home()
    except RuntimeError as error:
        hint = "set HOME, or VKD_STATE_DIR and XDG_CACHE_HOME"
        raise HostLacksError(f"the user with the id {os.geteuid()} has no home folder", hint=hint) from error


def control_socket() -> Path:
    """Return the daemon's control socket; see :mod:`vkd.api` for what it answers."""
    return runtime_dir() / "vkd.sock"


def store_file() -> Path:
    """Return the daemon's store. It is there as long as there is a cluster."""
    return state_dir() / "vkd.db"


def host_key_file() -> Path:
    """Return the file of this host's private key for tunnels, unless a cluster file names another."""
    return state_dir() / "host.key"


def guest_dir(cluster: str, guest: str) -> Path:
    """Return the runtime folder of one guest: its sockets and its console log."""
    return runtime_dir() / cluster / guest


def ensure_private(folder: Path) -> Path:
    """Make `folder` (mode 0700) if it is not there, and return it.

    Raises `HostLacksError` if it is a link, another user's, writable by others, or cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.lstat()
    except OSError as error:
        raise HostLacksError(f"cannot make the folder {folder}: {error.strerror}", hint=_OTHER_FOLDER) from error
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise HostLacksError(f"{folder} is not a folder of this user", hint=_OTHER_FOLDER)
    if status.st_mode & 0o022:
        raise HostLacksError(f"{folder} can be written by other users", hint=f"chmod 700 {folder}")
    return folder


def ensure_runtime_dir() -> Path:
    """Make the runtime folder, check that it is private and short enough for its sockets, and return it."""
    check_socket_room(runtime_dir())
    return ensure_private(runtime_dir())


def check_socket_room(folder: Path) -> None:
    """Raise `HostLacksError` if sockets in `folder` would have paths that are too long for the kernel."""
    if (length := len(os.fsencode(folder)) + _SOCKET_NAME) > MAX_SOCKET_PATH:
        raise HostLacksError(
            f"the path is too long for unix sockets by {length - MAX_SOCKET_PATH} bytes: {folder}",
            hint="set VKD_RUNTIME_DIR to a shorter one, or give shorter names",
        )


_OTHER_FOLDER = "set VKD_RUNTIME_DIR (or VKD_STATE_DIR) to a folder of your own"
