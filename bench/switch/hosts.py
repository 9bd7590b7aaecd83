"""Hosts: network namespaces, which go with the measurement. Needs root."""

import itertools
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_numbers = itertools.count()


class Host:
    """A network namespace."""

    def __init__(self) -> None:
        self.name = f"bench-{os.getpid()}-{next(_numbers)}"
        subprocess.run(["ip", "netns", "add", self.name], check=True, capture_output=True)
        self.ip("link set lo up")

    def command(self, *command: str) -> list[str]:
        """Return the command line that runs `command` here."""
        return ["ip", "netns", "exec", self.name, *command]

    def run(self, *command: str, seconds: float = 60) -> str:
        """Run a command here and return what it prints. Raises OSError or CalledProcessError."""
        done = subprocess.run(self.command(*command), capture_output=True, text=True, timeout=seconds, check=True)
        return done.stdout

    def reaches(self, address: str) -> bool:
        """Return whether a ping to `address` is answered."""
        command = self.command("ping", "-q", "-c", "1", "-W", "1", address)
        return subprocess.run(command, check=False, capture_output=True).returncode == 0

    def ip(self, text: str) -> None:
        """Run `ip` here."""
        self.run("ip", *text.split())

    def link(self) -> dict[str, Any]:
        """Return what `ip` tells of this host's only interface besides the loopback, counters included."""
        (found,) = (link for link in json.loads(self.run("ip", "-j", "-s", "link")) if link["ifname"] != "lo")
        return dict(found)

    def take(self, owner: "Host", device: str, address: str) -> None:
        """Get a device of another host, with an address on it."""
        owner.ip(f"link set {device} netns {self.name}")
        self.ip(f"addr add {address} dev {device}")
        self.ip(f"link set {device} up")


@contextmanager
def hosts(count: int) -> Iterator[list[Host]]:
    """Make `count` hosts."""
    made: list[Host] = []
    try:
        for _ in range(count):
            made.append(Host())  # noqa: PERF401 - those made so far have to be known
        yield made
    finally:
        for host in made:
            subprocess.run(["ip", "netns", "del", host.name], check=False, capture_output=True)
