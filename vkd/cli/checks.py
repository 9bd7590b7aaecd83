"""The checks of `vkd doctor`. Each looks at one thing and never raises."""

import ctypes
import ctypes.util
import importlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

from vkd import paths
from vkd.cli.output import human_size
from vkd.config.memory import available_memory
from vkd.errors import VkdError

#: What one guest of the image needs, bytes.
_SMALLEST_GUEST = 64 << 20
#: What downloads and a built image take, bytes.
_IMAGE_ROOM = 400 << 20
#: The first and last group whose processes may open ICMP sockets.
_PING_GROUPS = Path("/proc/sys/net/ipv4/ping_group_range")


class Check(msgspec.Struct, frozen=True):
    """The result of one check; `hint` says what to do. A `warning` costs a feature, `missing` stops vkd."""

    name: str
    status: Literal["ok", "warning", "missing"]
    detail: str
    hint: str | None = None


def checks() -> list[Check]:
    """Run every check."""
    return [_guarded(check) for check in _CHECKS]


def _guarded(check: Callable[[], Check]) -> Check:
    name = check.__name__.strip("_").replace("_", " ")
    try:
        return check()
    except VkdError as error:
        return Check(name, "missing", error.message, error.hint)
    except Exception as error:
        return Check(name, "missing", f"{type(error).__name__}: {error}", "please report it")


def _native_module() -> Check:
    try:
        importlib.import_module("vkd._native")
    except ImportError as error:
        return Check("native module", "missing", str(error), "build it: make build")
    return Check("native module", "ok", "vkd._native loads")


def _translator() -> Check:
    reason: str | None = importlib.import_module("vkd._native").translator()
    if reason is not None:
        return Check("translator", "warning", f"guests are interpreted: {reason}", "all works, many times slower")
    return Check("translator", "ok", "guest code can be translated to this processor's")


def _windows() -> Check:
    reason: str | None = importlib.import_module("vkd._native").windows()
    if reason is not None:
        hint = "all works, guests that use much memory are slower"
        mend = "; as root: sysctl vm.max_map_count=65530" if "max_map_count" in reason else ""
        return Check("windows", "warning", f"memory of guests is looked up: {reason}", hint + mend)
    return Check("windows", "ok", "guests' memory can be accessed through this host's MMU")


def _cores() -> Check:
    count = len(os.sched_getaffinity(0))
    return Check("cores", "ok", f"{count}; guests may have more, up to 64")


def _memory() -> Check:
    available = available_memory()
    if available < _SMALLEST_GUEST:
        return Check("memory", "missing", f"{human_size(available)} available", "end other programs, or add memory")
    return Check("memory", "ok", f"{human_size(available)} available")


def _runtime_folder() -> Check:
    existed = paths.runtime_dir().exists()
    folder = paths.ensure_runtime_dir()
    writable = os.access(folder, os.W_OK | os.X_OK)
    if not existed:
        folder.rmdir()
    if not writable:
        return Check("runtime folder", "missing", f"{folder} cannot be written", "set VKD_RUNTIME_DIR to another one")
    return Check("runtime folder", "ok", str(folder))


def _state_folder() -> Check:
    folder = next(path for path in (paths.state_dir(), *paths.state_dir().parents) if path.exists())
    if not os.access(folder, os.W_OK | os.X_OK):
        return Check("state folder", "missing", f"{folder} cannot be written", "set VKD_STATE_DIR to another one")
    return Check("state folder", "ok", str(paths.state_dir()))


def _cache_folder() -> Check:
    from vkd.images import list_images  # noqa: PLC0415 - imports much
    from vkd.images.cache import Cache  # noqa: PLC0415

    root = Cache.default().root
    folder = next(path for path in (root, *root.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    if not os.access(folder, os.W_OK | os.X_OK):
        if found := list_images():
            return Check("image cache", "ok", f"{root}, read-only, with {', '.join(image.name for image in found)}")
        return Check("image cache", "missing", f"{folder} cannot be written", "set XDG_CACHE_HOME to another one")
    if free < _IMAGE_ROOM:
        return Check(
            "image cache", "warning", f"{human_size(free)} free in {folder}", "make room, or set XDG_CACHE_HOME"
        )
    return Check("image cache", "ok", f"{root}, {human_size(free)} free")


def _ssh() -> Check:
    missing = [name for name in ("ssh", "scp") if shutil.which(name) is None]
    if missing:
        return Check("ssh", "missing", f"no program {' and '.join(missing)}", "install openssh-client")
    return Check("ssh", "ok", str(shutil.which("ssh")))


def _libslirp() -> Check:
    for name in ("libslirp.so.0", ctypes.util.find_library("slirp")):
        if name is None:
            continue
        try:
            ctypes.CDLL(name)
        except OSError:
            continue
        return Check("libslirp", "ok", f"{name} loads")
    hint = "install libslirp0; networks with gateway = false work without it"
    return Check("libslirp", "missing", "the library is not there", hint)


def _ping() -> Check:
    """Say whether guests' pings leave: libslirp opens ICMP sockets, which icmp(7) allows to the groups of a range."""
    try:
        first, last = map(int, _PING_GROUPS.read_text().split())
    except (OSError, ValueError) as error:
        return Check(
            "ping", "warning", f"{_PING_GROUPS} cannot be read: {error}", "see whether guests can ping the world"
        )
    if any(first <= group <= last for group in (os.getegid(), *os.getgroups())):
        return Check("ping", "ok", "guests can ping the world")
    what = "may count what is no answer as one" if os.geteuid() == 0 else "get no answer"
    hint = 'all else works; as root: sysctl net.ipv4.ping_group_range="0 2147483647"'
    return Check("ping", "warning", f"guests' pings of the world {what}: this user may open no ICMP sockets", hint)


def _signatures() -> Check:
    from vkd.images.index import keyring  # noqa: PLC0415 - imports much

    program = shutil.which("gpgv")
    if program is None:
        return Check("package signatures", "missing", "no program gpgv", "install gpgv")
    return Check("package signatures", "ok", f"{program}, {keyring()}")


def _mirror() -> Check:
    from vkd.images import list_images  # noqa: PLC0415 - imports much
    from vkd.images.mirror import mirrors  # noqa: PLC0415

    try:
        return Check("debian mirror", "ok", mirrors(None, os.environ)[0])
    except VkdError as error:
        # An image that is built needs no mirror.
        return Check("debian mirror", "warning" if list_images() else "missing", error.message, error.hint)


def _tun() -> Check:
    device = Path("/dev/net/tun")
    if not os.access(device, os.R_OK | os.W_OK):
        hint = "not needed, except for TAP ports: let this user open it (a group, or run as root)"
        return Check("tun device", "warning", f"{device} cannot be opened" if device.exists() else f"no {device}", hint)
    return Check("tun device", "ok", str(device))


_CHECKS = (
    _native_module,
    _translator,
    _windows,
    _cores,
    _memory,
    _runtime_folder,
    _state_folder,
    _cache_folder,
    _ssh,
    _libslirp,
    _ping,
    _signatures,
    _mirror,
    _tun,
)
