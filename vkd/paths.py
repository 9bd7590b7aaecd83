"""Where vkd keeps what: the runtime folder (sockets, locks), the state folder (store, logs) and the cache (images).

| folder | first of |
|---|---|
| runtime | `$VKD_RUNTIME_DIR`, `$XDG_RUNTIME_DIR/vkd`, `/run/vkd` for root, `/tmp/vkd-UID` |
| state | `$VKD_STATE_DIR`, `$XDG_STATE_HOME/vkd`, `~/.local/state/vkd` |
| cache | `$VKD_CACHE_DIR`, `$XDG_CACHE_HOME/vkd`, `~/.cache/vkd` |

The functions only name the folders; :func:`ensure_private` makes one and refuses one that others could write.
"""

import os
import stat
from pathlib import Path

from vkd.errors import HostLacksError

#: The longest path that fits `sockaddr_un.sun_path` with its final zero byte (unix(7)).
MAX_SOCKET_PATH = 107

#: Room that the paths within the runtime folder need: `CLUSTER/GUEST/console.sock` and the like.
_LONGEST_BELOW_RUNTIME = 40


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
    return _user_dir("VKD_STATE_DIR", "XDG_STATE_HOME", ".local/state")


def cache_dir() -> Path:
    """Return the folder of what can be got again; it need not exist."""
    return _user_dir("VKD_CACHE_DIR", "XDG_CACHE_HOME", ".cache")


def control_socket() -> Path:
    """Return the daemon's control socket; see :mod:`vkd.api` for what it answers."""
    return runtime_dir() / "vkd.sock"


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
    """Make the runtime folder, check that it is private and short enough for socket paths, and return it."""
    folder = runtime_dir()
    if len(os.fsencode(folder)) + _LONGEST_BELOW_RUNTIME > MAX_SOCKET_PATH:
        raise HostLacksError(
            f"the runtime folder's path is too long for unix sockets: {folder}",
            hint=f"set VKD_RUNTIME_DIR to a path of at most {MAX_SOCKET_PATH - _LONGEST_BELOW_RUNTIME} bytes",
        )
    return ensure_private(folder)


_OTHER_FOLDER = "set VKD_RUNTIME_DIR (or VKD_STATE_DIR, VKD_CACHE_DIR) to a folder of your own"


def _user_dir(variable: str, xdg: str, below_home: str) -> Path:
    if chosen := os.environ.get(variable):
        return Path(chosen).absolute()
    base = os.environ.get(xdg)
    return (Path(base) if base else Path.home() / below_home) / "vkd"
