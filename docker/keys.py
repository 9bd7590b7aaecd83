#!/usr/bin/env python3
"""Make the keys of a cluster on several hosts, and its file for them.

Usage: keys.py FOLDER [HOST=KEYFILE[@ADDRESS]]...

FOLDER gets what all hosts have: cluster.toml, the secret lab.psk, and the key by which guests log in to each other.
Each KEYFILE is the private key of one host, for that host alone. What is there already stays.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from vether import keys
from vkd.images.keys import make_ssh_key

#: What is made in FOLDER.
FILES = ("cluster.toml", "lab.psk", "guest.key", "guest.pub")

TEMPLATE = Path(__file__).with_name("cluster.toml")


def prepare(folder: Path, hosts: Mapping[str, tuple[Path, str | None]]) -> Path:
    """Make the files; return the cluster's. `hosts` has each host's key file, and an address in place of its name."""
    text = TEMPLATE.read_text()
    for name, (file, address) in hosts.items():
        private = keys.read(file) if file.exists() else keys.generate(file)
        text = text.replace(f'"PUBLIC_KEY_OF_{name}"', f'"{keys.encode(keys.public(private))}"')
        if address is not None:
            text = text.replace(f'address = "{name}"', f'address = "{address}"')
    if not (folder / "lab.psk").exists():
        keys.generate(folder / "lab.psk")
    if not (folder / "guest.key").exists():
        private_key, public_key = make_ssh_key("guests")
        (folder / "guest.pub").write_text(f"{public_key}\n")
        (folder / "guest.key").touch(0o600)
        (folder / "guest.key").write_bytes(private_key)
    (folder / "cluster.toml").write_text(text)
    return folder / "cluster.toml"


def main(words: list[str]) -> int:
    """Do what the command line says; return the exit status."""
    if not words or any("=" not in word for word in words[1:]):
        print(__doc__, file=sys.stderr)
        return 2
    hosts: dict[str, tuple[Path, str | None]] = {}
    for word in words[1:]:
        name, _, rest = word.partition("=")
        file, _, address = rest.partition("@")
        hosts[name] = (Path(file), address or None)
    prepare(Path(words[0]), hosts)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
