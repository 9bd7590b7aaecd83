"""Hosts for tests: network namespaces with a wire between each two that are joined. They go with the test."""

import contextlib
import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

_numbers = itertools.count()


class Host:
    """A network namespace. Its commands end within a time."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.prefix = ["ip", "netns", "exec", name]

    def run(self, *command: str, check: bool = True, timeout: float = 20) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run([*self.prefix, *command], capture_output=True, text=True, timeout=timeout, check=False)
        assert not check or done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
        return done

    def ip(self, text: str) -> None:
        self.run("ip", *text.split())

    def spawn(self, *command: str, **more: Any) -> "subprocess.Popen[bytes]":
        return subprocess.Popen([*self.prefix, *command], **more)

    def ping(self, address: str, size: int = 56, count: int = 3) -> bool:
        """Whether all of some pings of `size` bytes, which may not be fragmented, are answered."""
        command = ["ping", "-c", str(count), "-i", "0.05", "-W", "2", "-s", str(size), "-M", "do", address]
        return self.run(*command, check=False).returncode == 0


@contextlib.contextmanager
def hosts(count: int) -> Iterator[list[Host]]:
    """Make `count` hosts, or skip where that is not permitted. Needs root: names of namespaces are in /run/netns."""
    if os.geteuid() != 0 or shutil.which("ip") is None or shutil.which("ping") is None:
        pytest.skip("needs root, iproute2 and ping")
    made: list[Host] = []
    try:
        for _ in range(count):
            host = Host(f"vether-{os.getpid()}-{next(_numbers)}")
            done = subprocess.run(["ip", "netns", "add", host.name], capture_output=True, check=False)
            if done.returncode:
                pytest.skip("needs the right to make network namespaces")
            made.append(host)
            host.ip("link set lo up")
        yield made
    finally:
        for host in made:
            subprocess.run(["ip", "netns", "del", host.name], capture_output=True, check=False)


def join(a: Host, a_address: str, b: Host, b_address: str, mtu: int = 1500) -> None:
    """Wire two hosts; each has its address on its end, called `wN`."""
    wire = f"w{next(_numbers)}"
    a.ip(f"link add {wire} mtu {mtu} type veth peer name {wire} mtu {mtu} netns {b.name}")
    for host, address in ((a, a_address), (b, b_address)):
        host.ip(f"addr add {address} dev {wire}" + (" nodad" if ":" in address else ""))
        host.ip(f"link set {wire} up")
