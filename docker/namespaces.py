#!/usr/bin/env python3
"""The three hosts of compose.yaml as network namespaces, for machines without Docker. Needs root and iproute2.

Usage: namespaces.py [--dir FOLDER] COMMAND

  up                  make the hosts, with a wire between each two, and start the part of the cluster that each has
  run HOST COMMAND... run a command on a host: namespaces.py run h1 vkd ssh a -- ssh -y b hostname
  cut HOST HOST       unplug the wire between two hosts; `heal` plugs it in again
  kill HOST           end all processes of a host at once; `up` starts them again
  down                end everything and leave nothing behind

FOLDER (default /run/vkd-hosts) has the keys, and what vkd keeps of each host: HOST/run is its runtime folder,
HOST/state its state folder. So this asks the switch of its network lan:
  run h1 vether show peers --dir FOLDER/h1/run/lab/@lan
FOLDER's name is that of the namespaces, too.
"""

import argparse
import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import keys

#: Address of each host, on its loopback interface: the same by whichever wire.
HOSTS = {"h1": "10.99.0.1", "h2": "10.99.0.2", "h3": "10.99.0.3"}

#: `down` waits so long for hosts to end by themselves, and for killed processes to be gone, seconds.
PATIENCE = 60.0


class LabError(Exception):
    """What went wrong, in words for the user."""


class Lab:
    """The hosts of one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def namespace(self, host: str) -> str:
        """Return the name of a host's namespace."""
        return f"{self.folder.name}-{host}"

    def is_there(self, host: str) -> bool:
        """Whether a host has been made."""
        return Path("/run/netns", self.namespace(host)).exists()

    def command(self, host: str, *words: str) -> tuple[list[str], dict[str, str]]:
        """Return the command line and the environment that run `words` on a host."""
        own = {
            "VKD_HOST": host,
            "VKD_RUNTIME_DIR": str(self.folder / host / "run"),
            "VKD_STATE_DIR": str(self.folder / host / "state"),
            # `vkd` and `vether` are beside this interpreter.
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        return ["ip", "netns", "exec", self.namespace(host), *words], {**os.environ, **own}

    def run(self, host: str, *words: str) -> int:
        """Run a command on a host; return its exit status."""
        line, env = self.command(host, *words)
        return subprocess.run(line, env=env, check=False).returncode

    def up(self) -> int:
        """Make what is not there and start what does not run."""
        for host in HOSTS:
            for name in ("", "run", "state"):
                (self.folder / host / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        if missing := [host for host in HOSTS if not self.is_there(host)]:
            if len(missing) < len(HOSTS):
                raise LabError(f"some of the hosts are gone: {', '.join(missing)}; first: {sys.argv[0]} down")
            self._make()
        files = {host: (self.folder / host / "state/host.key", address) for host, address in HOSTS.items()}
        file = keys.prepare(self.folder, files)
        lines = [self.command(host, "vkd", "up", str(file)) for host in HOSTS]
        started = [subprocess.Popen(line, env=env) for line, env in lines]
        return max([process.wait() for process in started])

    def _make(self) -> None:
        for host, address in HOSTS.items():
            _ip("netns", "add", self.namespace(host))
            self._on(host, "link", "set", "lo", "up")
            self._on(host, "addr", "add", f"{address}/32", "dev", "lo")
        for one, other in itertools.combinations(HOSTS, 2):
            # An interface has the name of the host at the other end.
            ends = (other, "type", "veth", "peer", "name", one, "netns", self.namespace(other))
            self._on(one, "link", "add", *ends)
            self.plug(one, other, "up")

    def plug(self, one: str, other: str, state: str) -> None:
        """Set the wire between two hosts `up` or `down`."""
        for host, end in ((one, other), (other, one)):
            self._on(host, "link", "set", end, state)
            if state == "up":
                self._on(host, "route", "replace", HOSTS[end], "dev", end, "src", HOSTS[host])

    def kill(self, host: str) -> None:
        """End all processes of a host, as a power cut would; its runtime folder goes with them."""
        deadline = time.monotonic() + PATIENCE
        # Who is ended may have started another meanwhile.
        while (pids := self._pids(host)) and time.monotonic() < deadline:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)
        shutil.rmtree(self.folder / host / "run", ignore_errors=True)

    def down(self) -> None:
        """End everything, also what was made by halves."""
        there = [host for host in HOSTS if self.is_there(host)]
        lines = [self.command(host, "vkd", "down", "--all") for host in there]
        deadline = time.monotonic() + PATIENCE
        for process in [subprocess.Popen(line, env=env) for line, env in lines]:
            # What does not end by itself is ended with its host.
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(deadline - time.monotonic(), 0))
        for host in there:
            self.kill(host)
            _ip("netns", "del", self.namespace(host))
        # What somebody else has put there stays: FOLDER may have been a slip of the pen.
        for host in HOSTS:
            shutil.rmtree(self.folder / host, ignore_errors=True)
        for name in keys.FILES:
            (self.folder / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.folder.rmdir()

    def _pids(self, host: str) -> list[int]:
        words = ["ip", "netns", "pids", self.namespace(host)]
        found = subprocess.run(words, capture_output=True, text=True, check=False)
        return [int(pid) for pid in found.stdout.split()]

    def _on(self, host: str, *words: str) -> None:
        _ip("-n", self.namespace(host), *words)


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"ip {' '.join(words)}: {done.stderr.strip()}")


def main() -> int:
    """Do what the command line says; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dir", type=Path, default=Path("/run/vkd-hosts"), help=argparse.SUPPRESS)
    parser.add_argument("command", choices=["up", "run", "cut", "heal", "kill", "down"])
    parser.add_argument("words", nargs=argparse.REMAINDER)
    given = parser.parse_args()
    counts = {"up": 0, "down": 0, "cut": 2, "heal": 2, "kill": 1}
    hosts = given.words[:1] if given.command == "run" else given.words
    if len(hosts) != counts.get(given.command, 1) or len(given.words) < 2 * (given.command == "run"):
        parser.error(f"{given.command}: wrong number of words")
    if unknown := [host for host in hosts if host not in HOSTS]:
        parser.error(f"there is no host {unknown[0]!r}; there are {', '.join(HOSTS)}")
    if os.geteuid() != 0 or shutil.which("ip") is None:
        print("error: network namespaces take root, and the command ip (iproute2)", file=sys.stderr)
        return 5
    lab = Lab(given.dir.absolute())
    if gone := [host for host in hosts if not lab.is_there(host)]:
        print(f"error: there is no host {gone[0]} yet\n  make the hosts with: {parser.prog} up", file=sys.stderr)
        return 1
    try:
        match given.command:
            case "up":
                return lab.up()
            case "run":
                return lab.run(*given.words)
            case "cut" | "heal":
                lab.plug(hosts[0], hosts[1], "up" if given.command == "heal" else "down")
            case "kill":
                lab.kill(hosts[0])
            case "down":
                lab.down()
    except LabError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
