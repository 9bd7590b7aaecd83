"""The index of the Debian archive: signed, verified, and searched for the few packages that an image needs.

Sources: the Debian repository format (InRelease, Packages, SHA256, by-hash); gpgv(1) and GnuPG's doc/DETAILS for the
status lines.
"""

from __future__ import annotations

import lzma
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

from debian.deb822 import Packages, Release

from vkd.errors import HostLacksError, ImageError
from vkd.images.cache import Cache, write_atomically
from vkd.images.fetch import Remote, fetch, fetch_small
from vkd.images.mirror import HINT, SUITE
from vkd.images.progress import Progress, Watcher

ARCHITECTURE = "riscv64"
MAX_RELEASE = 4 << 20
MAX_STANZA = 1 << 20
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
KEYRING_VARIABLE = "VKD_KEYRING"


@dataclass(frozen=True, slots=True)
class Package:
    """One binary package of the archive. `depends` has the first alternative of each dependency, by name."""

    name: str
    version: str
    source: str
    section: str
    depends: tuple[str, ...]
    path: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Archive:
    """A verified release of the archive and the mirror that it came from."""

    mirror: str
    date: datetime
    version: str
    index: Remote

    def remote(self, package: Package) -> Remote:
        """Return where to get `package`."""
        return Remote(f"{self.mirror}/{package.path}", package.sha256, package.size)


def keyring(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the keyring of the Debian archive; raises HostLacksError when there is none."""
    path = Path(environ.get(KEYRING_VARIABLE) or KEYRING)
    if not path.is_file():
        raise HostLacksError(
            f"the Debian archive keyring {path} is missing",
            hint=f"install the package debian-archive-keyring, or name the file with {KEYRING_VARIABLE}=PATH",
        )
    return path


def open_archive(
    mirrors: list[str],
    cache: Cache,
    keys: Path,
    watcher: Watcher,
    *,
    now: datetime | None = None,
    architecture: str = ARCHITECTURE,
) -> Archive:
    """Fetch and verify the release of the first mirror that has one for trixie.

    Raises ImageError with the reason of the last mirror when none has. An older release than the one that was seen last
    is refused: a mirror that fell behind, or somebody who replays old packages.
    """
    problem: ImageError | None = None
    for mirror in mirrors:
        url = f"{mirror}/dists/{SUITE}/InRelease"
        try:
            signed = fetch_small(url, watcher, MAX_RELEASE)
            archive = read_release(signed, mirror, keys, url, now=now or datetime.now(UTC), architecture=architecture)
        except ImageError as error:
            problem = problem or error
            continue
        seen = cached_release(cache, mirror, keys)
        if seen is not None and archive.date < seen.date:
            raise ImageError(
                f"{url} is of {archive.date:%Y-%m-%d %H:%M}, older than the one of {seen.date:%Y-%m-%d %H:%M} "
                "that was used before: the mirror is stale",
                hint=f"{HINT}; to accept the older one remove {cache.release}",
            )
        write_atomically(cache.release, iter([signed]))
        return archive
    raise problem or ImageError("no mirror was given", hint=HINT)


def cached_release(cache: Cache, mirror: str, keys: Path) -> Archive | None:
    """Return the release that was used last, as of `mirror`; None when there is none that can be trusted."""
    try:
        return read_release(cache.release.read_bytes(), mirror, keys, str(cache.release), now=None)
    except (OSError, ImageError):
        return None


def read_release(
    signed: bytes, mirror: str, keys: Path, origin: str, *, now: datetime | None, architecture: str = ARCHITECTURE
) -> Archive:
    """Verify an InRelease and read what stands in its signed part.

    `now` is compared with Valid-Until where there is one; None leaves that out. Raises ImageError that names `origin`.
    """
    release = Release(verify(signed, keys, origin))
    if release.get("Origin") != "Debian" or release.get("Codename") != SUITE:
        raise ImageError(
            f"{origin} is of {release.get('Origin')} {release.get('Codename')}, not of Debian {SUITE}", hint=HINT
        )
    packages = f"main/binary-{architecture}/Packages.xz"
    try:
        date = parsedate_to_datetime(release["Date"])
        until = parsedate_to_datetime(release["Valid-Until"]) if "Valid-Until" in release else None
        entry = next(row for row in release["SHA256"] if row["name"] == packages)
        index = Remote(f"{mirror}/dists/{SUITE}/{packages}", entry["sha256"], int(entry["size"]))
    except (KeyError, ValueError, StopIteration) as error:
        raise ImageError(f"{origin} has no date or no entry for {packages}", hint=HINT) from error
    if now is not None and until is not None and until < now:
        raise ImageError(f"{origin} was valid until {until:%Y-%m-%d %H:%M} only: the mirror is stale", hint=HINT)
    return Archive(mirror, date, release.get("Version", ""), index)


def verify(signed: bytes, keys: Path, origin: str) -> bytes:
    """Return the text that a clear-signed file signs; raises ImageError unless a key of `keys` made a valid signature.

    A file may bear signatures of newer keys than a keyring has: one good one suffices, a bad one never does.
    """
    with tempfile.NamedTemporaryFile() as given:
        given.write(signed)
        given.flush()
        command = ["gpgv", "--keyring", str(keys), "--status-fd", "2", "--output", "-", given.name]
        try:
            done = subprocess.run(
                command, capture_output=True, check=False, timeout=60, env={**os.environ, "LC_ALL": "C"}
            )
        except FileNotFoundError:
            raise HostLacksError("gpgv is missing", hint="install the package gpgv") from None
        except subprocess.TimeoutExpired:
            raise ImageError(f"gpgv did not finish with {origin}") from None
    status = [line.split()[1:] for line in done.stderr.decode(errors="replace").splitlines() if "[GNUPG:]" in line]
    seen = {words[0] for words in status if words}
    if "GOODSIG" in seen and "VALIDSIG" in seen and "BADSIG" not in seen and done.stdout:
        return done.stdout
    if "BADSIG" in seen:
        why = "its signature does not fit its content"
    elif seen & {"EXPKEYSIG", "EXPSIG", "REVKEYSIG"}:
        why = "its signature or the key that made it has expired or was revoked"
    elif "NO_PUBKEY" in seen:
        why = f"no key of {keys} made its signature"
    else:
        why = "it has no signature"
    raise ImageError(
        f"{origin} cannot be trusted: {why}",
        hint="bring the package debian-archive-keyring up to date, or name another mirror with VKD_MIRROR=URL",
    )


def find_packages(
    archive: Archive, cache: Cache, watcher: Watcher, names: set[str], sections: set[str]
) -> dict[str, Package]:
    """Return the packages with these names and all packages of these sections, from the archive's index."""
    path = fetch(archive.index, cache, watcher)
    watcher.report(Progress("index", archive.index.name))

    def wanted(stanza: bytes) -> bool:
        return _field(stanza, b"Section") in sections or _field(stanza, b"Package") in names

    return {package.name: package for package in map(parse_package, select(path, wanted, watcher.check))}


def select(path: Path, wanted: Callable[[bytes], bool], check: Callable[[], None]) -> Iterator[bytes]:
    """Yield the stanzas of a Packages.xz that are `wanted`, without holding the whole of it."""
    rest = b""
    try:
        with lzma.open(path) as index:
            while chunk := index.read(1 << 20):
                check()
                stanzas: list[bytes] = (rest + chunk).split(b"\n\n")
                rest = stanzas.pop()
                if len(rest) > MAX_STANZA:
                    raise ImageError(f"{path} has a stanza larger than {MAX_STANZA} bytes")
                yield from filter(wanted, stanzas)
    except (lzma.LZMAError, EOFError) as error:
        raise ImageError(f"{path} cannot be unpacked: {error}", hint=f"remove {path}") from error
    if rest.strip() and wanted(rest):
        yield rest


def parse_package(stanza: bytes) -> Package:
    """Read one stanza; raises ImageError when a field that must be there is not."""
    fields = Packages(stanza)
    relations = [*(fields.relations["pre-depends"] or []), *(fields.relations["depends"] or [])]
    try:
        return Package(
            name=fields["Package"],
            version=fields["Version"],
            source=fields.get("Source", fields["Package"]),
            section=fields.get("Section", ""),
            depends=tuple(alternatives[0]["name"] for alternatives in relations),
            path=fields["Filename"],
            sha256=fields["SHA256"],
            size=int(fields["Size"]),
        )
    except (KeyError, ValueError) as error:
        raise ImageError(f"the index has a package without {error}: {stanza[:80]!r}") from error


def _field(stanza: bytes, key: bytes) -> str:
    marker = b"\n" + key + b": "
    at = stanza.find(marker) + 1 if not stanza.startswith(marker[1:]) else 0
    if at == 0 and not stanza.startswith(marker[1:]):
        return ""
    return stanza[at + len(marker) - 1 : (stanza + b"\n").index(b"\n", at)].decode(errors="replace")
