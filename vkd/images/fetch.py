"""Downloads into the cache: resumed, verified, complete or not there at all.

A file grows as `DIGEST.part` and is renamed once its SHA-256 is right. What was got before a failure stays for the next
try; what is wrong is removed. Runs in a worker thread.
"""

from __future__ import annotations

import errno
import hashlib
import http.client
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from vkd.errors import ImageError
from vkd.images.cache import Cache, make_folder
from vkd.images.progress import Progress, Watcher

T = TypeVar("T")
CHUNK = 1 << 17
TIMEOUT = 30.0
"""Seconds without a byte after which a connection counts as broken."""
DELAYS = (0.5, 2.0, 5.0)
"""Seconds before each further try after a transient error; progress starts the series anew."""
TRANSIENT_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
OFFLINE_HINT = "check the network, or name another mirror with VKD_MIRROR=URL; what is already here is kept"


@dataclass(frozen=True, slots=True)
class Remote:
    """A file to get: its address, SHA-256 in hexadecimal and size in bytes."""

    url: str
    sha256: str
    size: int

    @property
    def name(self) -> str:
        """The last part of the address."""
        return self.url.rpartition("/")[2]


class _TransientError(Exception):
    """The transfer broke; a further try may succeed."""


def fetch(remote: Remote, cache: Cache, watcher: Watcher, sleep: Callable[[float], None] = time.sleep) -> Path:
    """Return the path of `remote` in the cache, after downloading what is not there.

    Raises ImageError that names the file when it cannot be got (the part that came is kept) or is corrupt (removed).
    """
    target = cache.blob(remote.sha256)
    if target.exists():
        _verify(remote, target)
        return target
    make_folder(target.parent)
    with cache.lock(remote.sha256, watcher.check, lambda: watcher.report(Progress("wait", remote.name))):
        if target.exists():
            return target
        part = target.with_name(f"{target.name}.part")
        _retry(lambda: _complete(remote, part, watcher), remote.url, part, watcher, sleep)
        _verify(remote, part)
        part.replace(target)
    return target


def fetch_small(url: str, watcher: Watcher, limit: int, sleep: Callable[[float], None] = time.sleep) -> bytes:
    """Return a file of at most `limit` bytes that is not known by digest (a signed index)."""
    watcher.report(Progress("index", url.rpartition("/")[2]))

    def get() -> bytes:
        with closing(_open(url, {})) as response:
            data = _read(response, limit + 1)
            while data and len(data) <= limit and (more := _read(response, limit + 1 - len(data))):
                data += more
            return data

    data = _retry(get, url, None, watcher, sleep)
    if len(data) > limit:
        raise ImageError(f"{url}: larger than {limit} bytes, which no index is")
    return data


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _retry(action: Callable[[], T], url: str, part: Path | None, watcher: Watcher, sleep: Callable[[float], None]) -> T:
    tries = 0
    while True:
        before = _size(part)
        try:
            return action()
        except _TransientError as error:
            tries = 0 if _size(part) > before else tries
            if tries == len(DELAYS):
                raise ImageError(f"could not get {url}: {error}", hint=OFFLINE_HINT) from error
        watcher.check()
        sleep(DELAYS[tries])
        tries += 1


def _size(path: Path | None) -> int:
    return path.stat().st_size if path is not None and path.exists() else 0


def _complete(remote: Remote, part: Path, watcher: Watcher) -> None:
    """Bring `part` to full size, from where it ends."""
    have = _size(part)
    if have > remote.size:
        part.unlink()
        have = 0
    if have == remote.size:
        return
    with closing(_open(remote.url, {"Range": f"bytes={have}-"} if have else {})) as response:
        if have and not _resumes_at(response, have):
            part.unlink()
            have = 0
        _copy(response, part, have, remote, watcher)


def _copy(response: http.client.HTTPResponse, part: Path, have: int, remote: Remote, watcher: Watcher) -> None:
    reported = 0.0
    try:
        with part.open("ab") as handle:
            while have < remote.size:
                watcher.check()
                data = _read(response, min(CHUNK, remote.size - have))
                if not data:
                    raise _TransientError(f"the connection ended after {have} of {remote.size} bytes")
                handle.write(data)
                have += len(data)
                now = time.monotonic()
                if now - reported > 0.1 or have == remote.size:
                    reported = now
                    watcher.report(Progress("download", remote.name, have, remote.size))
            handle.flush()
            os.fsync(handle.fileno())
    except OSError as error:
        raise ImageError(f"cannot write {part}: {error.strerror}", hint="free some room; what came is kept") from error


def _verify(remote: Remote, path: Path) -> None:
    found = digest_of(path)
    if found != remote.sha256:
        path.unlink()
        raise ImageError(
            f"{remote.name} is corrupt: the SHA-256 of {path} was {found}; it was removed",
            hint=f"try again; if {remote.url} stays so, name another mirror with VKD_MIRROR=URL",
        )


def _open(url: str, headers: dict[str, str]) -> http.client.HTTPResponse:
    # The scheme was checked where the mirror was chosen.
    request = urllib.request.Request(url, headers={"User-Agent": "vkd", **headers})  # noqa: S310
    try:
        response: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=TIMEOUT)  # noqa: S310
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in TRANSIENT_STATUS:
            raise _TransientError(f"HTTP {error.code} {error.reason}") from error
        raise ImageError(f"could not get {url}: HTTP {error.code} {error.reason}", hint=OFFLINE_HINT) from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, OSError) and error.reason.errno == errno.ENOENT:
            raise ImageError(f"could not get {url}: no such file", hint=OFFLINE_HINT) from error
        raise _TransientError(_reason(error.reason)) from error
    except (OSError, http.client.HTTPException) as error:
        raise _TransientError(_reason(error)) from error
    return response


def _read(response: http.client.HTTPResponse, size: int) -> bytes:
    try:
        return response.read(size)
    except (OSError, http.client.HTTPException) as error:
        raise _TransientError(_reason(error)) from error


def _resumes_at(response: http.client.HTTPResponse, have: int) -> bool:
    return response.status == http.HTTPStatus.PARTIAL_CONTENT and response.headers.get("Content-Range", "").startswith(
        f"bytes {have}-"
    )


def _reason(error: object) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
