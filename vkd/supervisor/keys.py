"""The SSH keys of a cluster: one that logs in to all its guests, and a host key for each before its first boot."""

import os
from pathlib import Path

import msgspec

from vkd.images.keys import known_hosts_line, make_ssh_key, public_line
from vkd.paths import ensure_private

#: The folder, in the cluster's runtime folder, that ssh reads; no guest can have that name.
FOLDER = "@ssh"
IDENTITY, KNOWN_HOSTS = "id_ed25519", "known_hosts"


class Keys(msgspec.Struct):
    """The key `keys/CLUSTER`: private keys as OpenSSH PEM."""

    login: bytes
    hosts: dict[str, bytes] = {}

    @property
    def login_line(self) -> str:
        """The line for `authorized_keys`."""
        return public_line(self.login, "vkd")


def new_keys(cluster: str) -> Keys:
    """Return a login key and no host keys."""
    return Keys(login=make_ssh_key(f"vkd {cluster}")[0])


def add_hosts(keys: Keys, guests: list[str]) -> bool:
    """Make host keys for the guests that have none and forget those of others; return whether anything changed."""
    before = set(keys.hosts)
    keys.hosts = {name: keys.hosts.get(name) or make_ssh_key(name)[0] for name in guests}
    return set(keys.hosts) != before


def alias(cluster: str, guest: str) -> str:
    """Return the name of a guest in `known_hosts`."""
    return f"{guest}.{cluster}.vkd"


def write(keys: Keys, cluster: str, folder: Path) -> None:
    """Put the login key and `known_hosts` where ssh reads them, in the cluster's runtime folder."""
    # The first to be made in that folder: what the others put there is nobody else's to read, whatever its mode.
    ours = ensure_private(ensure_private(folder) / FOLDER)
    _write(ours / IDENTITY, keys.login)
    lines = [known_hosts_line(alias(cluster, name), public_line(key)) for name, key in sorted(keys.hosts.items())]
    _write(ours / KNOWN_HOSTS, "".join(lines).encode())


def _write(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    temporary.replace(path)
