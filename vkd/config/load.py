"""Read a cluster file."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vkd.config.hosts import Hosts
from vkd.config.layers import Merged
from vkd.config.locate import Locator
from vkd.config.memory import check_memory
from vkd.config.model import Cluster
from vkd.config.problem import InvalidFileError, KeyPath, Problem, Problems, dotted
from vkd.config.reach import check_gateway
from vkd.config.resolve import resolve
from vkd.errors import ConfigError, HostLacksError, ImageError

#: The longest cluster file, bytes: far more than anybody writes, far less than would keep the parser busy.
MAX_FILE = 1 << 20

_COMMON_NAME = "cluster.toml"

_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_TWICE = re.compile(r"Cannot declare \('(guests|networks|images)', '([^']*)'\) twice")


@dataclass(frozen=True)
class Loaded:
    """A cluster with the file that it came from, for errors that show only later.

    Where the file has several hosts, `cluster` is all of it until :meth:`at` says which one this is.
    """

    cluster: Cluster
    source: str
    text: str
    merged: dict[str, Merged]
    overcommit: bool
    hosts: Hosts

    def at(self, host: str) -> "Loaded":
        """Return what host `host` of the file has of the cluster. Raises `ConfigError` if there is none."""
        if host not in self.hosts.by_name:
            known = ", ".join(self.hosts.by_name)
            hint = f"the hosts are: {known}" if known else "it has no [hosts] at all"
            raise ConfigError(f"{self.source} has no host {host!r}", hint=hint)
        return replace(self, cluster=self.hosts.part(self.cluster, host))

    def check_key(self) -> None:
        """Raise `VkdError` if this host's tunnels have no key, or one that the file does not expect."""
        tunnels = [network.switch["tunnel"] for network in self.cluster.networks.values() if "tunnel" in network.switch]
        if self.cluster.host is None or not tunnels:
            return
        from vether import keys  # noqa: PLC0415 - a cluster of one host needs none of it
        from vether.errors import VetherError  # noqa: PLC0415

        host, file = self.hosts.by_name[self.cluster.host], Path(tunnels[0]["key"])
        make = "vkd key" if host.key is None else f"vkd key {file}"
        if not file.exists():
            hint = f"make one with `{make}`, and put what it prints under hosts.{host.name}.public_key"
            raise HostLacksError(f"this host, {host.name!r}, has no key {file}", hint=hint)
        try:
            public = keys.encode(keys.public(keys.read(file)))
            if self.hosts.psk is not None:
                keys.read(Path(self.hosts.psk), keys.MAKE_PSK)
        except VetherError as error:
            raise ConfigError(error.message, hint=error.hint) from error
        if public != host.public_key:
            problems = Problems()
            text = f"the key of this host, {file}, is another one: {public}"
            problems.add(("hosts", host.name, "public_key"), text, hint="is this the right host? see --host")
            _raise_if_any(self.source, self.text, problems)

    def check_host(self, available: int, running: Mapping[str, int] | None = None) -> None:
        """Raise `ConfigError` if the guests need more than `available` bytes beyond what `running` ones have."""
        problems = Problems()
        check_memory(self.cluster, self.merged, available, running or {}, problems, overcommit=self.overcommit)
        _raise_if_any(self.source, self.text, problems)

    def warnings(self) -> list[tuple[int | None, str]]:
        """Return what is valid and hardly meant: line and text, sorted by line."""
        warnings = Problems()
        check_gateway(self.cluster, self.merged, warnings)
        locator = Locator(self.text)
        return sorted(((_line(one, locator), one.text) for one in warnings.found), key=lambda told: told[0] or 0)

    def check_files(self) -> None:
        """Raise `ImageError` for a kernel, disk, key or other file that is not there."""
        missing = []
        for path, name in self._files():
            if not Path(name).exists():
                line = Locator(self.text).line(path)
                advice = f"; make it with: vether key {name}" if path[-2:] == ("tunnel", "key") else ""
                missing.append(f"{self.source}:{line}: {dotted(path)}: there is no file {name}{advice}")
        if missing:
            raise ImageError("\n".join(dict.fromkeys(missing)))

    def _files(self) -> list[tuple[KeyPath, str]]:
        files: list[tuple[KeyPath, str]] = []
        for name, guest in self.cluster.guests.items():
            merged = self.merged[name]
            for key, path in (("kernel", guest.kernel), ("initrd", guest.initrd), ("firmware", guest.firmware)):
                if path is not None and path not in {"builtin", "none"}:
                    files.append((merged.origin(key), path))
            files += [
                (merged.origin("disks", at, "path"), disk.path)
                for at, disk in enumerate(guest.disks)
                if disk.size is None
            ]
            files += [
                (merged.origin("files", inner), file.source) for inner, file in guest.files.items() if file.source
            ]
            files += [
                (merged.origin("ssh", "authorized_keys", at), key) for at, key in enumerate(guest.ssh.authorized_keys)
            ]
        for network, known in self.cluster.networks.items():
            tunnel, peers = known.switch.get("tunnel", {}), known.switch.get("peers", [])
            if self.cluster.host is None and tunnel:  # those between hosts are seen to by check_key
                files.append((("networks", network, "tunnel", "key"), tunnel["key"]))
                files += [
                    (("networks", network, "peers", at, "psk"), peer["psk"])
                    for at, peer in enumerate(peers)
                    if peer.get("psk")
                ]
        return files


def load(path: Path) -> Loaded:
    """Read the cluster file at `path`. Raises `ConfigError` with all that is wrong, each with its line."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        reason = error.strerror or error
        raise ConfigError(f"cannot read the cluster file: {reason}: {path}", hint="vkd up FILE") from error
    if len(data) > MAX_FILE:
        raise ConfigError(f"{path} is longer than {MAX_FILE} bytes; it cannot be a cluster file")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidFileError(str(path), [(line, "the file is not UTF-8 text")]) from error
    folder = path.absolute().parent
    # Everybody's file is called cluster.toml; two of them must not be taken for one cluster.
    stem = folder.name if path.name == _COMMON_NAME else path.stem
    return parse_untrusted(text, str(path), stem, folder)


def parse_untrusted(text: str, source: str, stem: str, folder: Path) -> Loaded:
    """Parse the text of a cluster file; `source` names it in errors. Raises `ConfigError`, whatever the text."""
    document = _toml(text, source)
    problems = Problems()
    cluster, merged, hosts = resolve(document, stem, folder, problems)
    _raise_if_any(source, text, problems)
    return Loaded(cluster, source, text, merged, document.get("overcommit", False), hosts)


def _toml(text: str, source: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise InvalidFileError(source, [(None, "lists or tables are nested too deeply")]) from error
    except ValueError as error:  # TOMLDecodeError, and what tomllib lets through from int() and datetime
        message = str(error)
        place = _PLACE.search(message)
        line = int(place[1]) if place and place[1] else None
        if place and not place[1]:
            line = text.count("\n") + 1
        message = _PLACE.sub("", message)
        if twice := _TWICE.search(message):
            message = f"there are two {twice[1]} named {twice[2]!r}"
        raise InvalidFileError(source, [(line, f"not valid TOML: {message}")]) from error


def _raise_if_any(source: str, text: str, problems: Problems) -> None:
    if problems.found:
        locator = Locator(text)
        raise InvalidFileError(source, [(_line(problem, locator), problem.text) for problem in problems.found])


def _line(problem: Problem, locator: Locator) -> int | None:
    return locator.line(problem.path)
