"""Where Debian packages come from: the mirror of this machine's own APT, or the one that the user names.

No host name stands in the code. Sources: sources.list(5) (one-line and deb822 forms), apt.conf(5) (`Dir`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from debian.deb822 import Deb822

from vkd.errors import ConfigError, ImageError

SUITE = "trixie"
VARIABLE = "VKD_MIRROR"
SCHEMES = ("http", "https", "file")
# Suites by which a source is known to be Debian's own archive rather than another distribution's.
DEBIAN_SUITES = frozenset(
    {"oldoldstable", "oldstable", "stable", "testing", "unstable", "sid"}
    | {"buster", "bullseye", "bookworm", "trixie", "forky", "duke"}
)
HINT = (
    f"name a Debian mirror that has riscv64 in the environment: {VARIABLE}=URL, where URL is what stands after `deb` "
    "in an APT source, for example http://HOST/debian"
)


@dataclass(frozen=True, slots=True)
class Source:
    """One archive that APT is told to use: an address with its suites and components."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: str = ""

    def rank(self) -> int:
        """Tell how likely this is the Debian archive: 0 surely, 1 perhaps, 2 not."""
        if not self.uri.startswith(tuple(f"{scheme}:" for scheme in SCHEMES)) or "main" not in self.components:
            return 2
        if DEBIAN_SUITES.isdisjoint(self.suites):
            return 2
        return 0 if "debian-archive" in self.signed_by or SUITE in self.suites else 1


def mirrors(named: str | None, environ: Mapping[str, str], root: Path = Path("/")) -> list[str]:
    """Return the addresses to try, the likeliest first, without a slash at the end.

    `named` (on the command line) goes before the environment, and either before APT's sources, which are read
    below `root`. Raises ConfigError when the named one is no address and ImageError when there is none at all.
    """
    for given, origin in ((named, "mirror"), (environ.get(VARIABLE), VARIABLE)):
        if given:
            if not re.match(rf"({'|'.join(SCHEMES)}):/", given):
                raise ConfigError(f"{origin}: {given!r} is not an address that begins with http, https or file")
            return [given.rstrip("/")]
    ranked = sorted((source for source in apt_sources(root, environ)), key=Source.rank)
    found = list(dict.fromkeys(source.uri.rstrip("/") for source in ranked if source.rank() < 2))
    if not found:
        raise ImageError(f"found no Debian mirror in the APT sources below {root / 'etc/apt'}", hint=HINT)
    return found


def apt_sources(root: Path, environ: Mapping[str, str]) -> Iterator[Source]:
    """Yield the binary sources of APT in the order that APT reads them; what cannot be read is passed over."""
    settings = _dir_settings(root, environ)
    etc = root / settings["dir::etc"].lstrip("/")
    files = [etc / settings["dir::etc::sourcelist"]]
    parts = etc / settings["dir::etc::sourceparts"]
    if parts.is_dir():
        files += sorted(path for path in parts.iterdir() if path.suffix in {".list", ".sources"})
    for path in files:
        try:
            text = path.read_text(errors="replace")
        except OSError:
            continue
        yield from parse_deb822(text) if path.suffix == ".sources" else parse_list(text)


def parse_list(text: str) -> Iterator[Source]:
    """Parse the one-line form: `deb [option=value ...] uri suite component ...`."""
    for line in text.splitlines():
        match = re.match(r"\s*deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)((?:\s+[^#\s]+)*)", line.partition("#")[0])
        if match:
            options, uri, suite, components = match.groups()
            signed_by = re.search(r"signed-by=(\S+)", options or "", re.IGNORECASE)
            yield Source(uri, (suite,), tuple(components.split()), signed_by.group(1) if signed_by else "")


def parse_deb822(text: str) -> Iterator[Source]:
    """Parse the deb822 form; a stanza with `Enabled: no` is passed over."""
    for stanza in Deb822.iter_paragraphs(text.splitlines()):
        if stanza.get("Enabled", "yes").strip().lower() in {"no", "false", "without", "off", "disable"}:
            continue
        if "deb" not in stanza.get("Types", "").split():
            continue
        suites = tuple(suite.rstrip("/") or "/" for suite in stanza.get("Suites", "").split())
        for uri in stanza.get("URIs", "").split():
            yield Source(uri, suites, tuple(stanza.get("Components", "").split()), stanza.get("Signed-By", "").strip())


def _dir_settings(root: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Read the flat `Dir::...` settings of APT's configuration files; a later one overrides an earlier one."""
    settings = {
        "dir::etc": "etc/apt",
        "dir::etc::sourcelist": "sources.list",
        "dir::etc::sourceparts": "sources.list.d",
    }
    etc = root / "etc/apt"
    files = [*_sorted_files(etc / "apt.conf.d"), etc / "apt.conf"]
    if "APT_CONFIG" in environ:
        files.append(Path(environ["APT_CONFIG"]))
    for path in files:
        try:
            text = path.read_text(errors="replace")
        except OSError:
            continue
        for key, value in re.findall(r'^\s*(dir::etc(?:::\w+)?)\s+"([^"]*)"\s*;', text, re.IGNORECASE | re.MULTILINE):
            if key.lower() in settings and value:
                settings[key.lower()] = value
    return settings


def _sorted_files(folder: Path) -> Iterable[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else ()
