"""Three hosts with a part of one cluster each, whatever they are made of: h1 has guest a, h2 guest b, h3 guest c."""

from __future__ import annotations

import json
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

GUESTS = {"h1": "a", "h2": "b", "h3": "c"}

#: No command and no wait may take longer, seconds: a boot of three guests takes ten on an idle machine of two cores.
LIMIT = 150.0


class Fleet(ABC):
    """How to get at the hosts. After `start` all guests are ready; `close` leaves nothing behind."""

    @abstractmethod
    def start(self) -> None:
        """Bring all hosts up that are not, and wait for their guests."""

    @abstractmethod
    def close(self) -> None:
        """End everything, whatever state it is in."""

    @abstractmethod
    def words(self, host: str, *words: str) -> list[str]:
        """Return the command line that runs `words` on a host."""

    @abstractmethod
    def cut(self, one: str, other: str) -> None:
        """Part two hosts."""

    @abstractmethod
    def heal(self, one: str, other: str) -> None:
        """Join them again."""

    @abstractmethod
    def kill(self, host: str) -> None:
        """End all processes of a host at once."""

    def run(self, host: str, *words: str, code: int | None = 0) -> str:
        """Run a command on a host and return what it printed, stripped."""
        return run(self.words(host, *words), code=code)

    def ssh(self, host: str, line: str, code: int | None = 0) -> str:
        """Run a command line in the guest of a host."""
        return self.run(host, "vkd", "ssh", GUESTS[host], "--", line, code=code)

    def pings(self, host: str, guest: str) -> bool:
        """Whether the guest of a host gets an answer from another guest."""
        return "1 packets received" in self.ssh(host, f"ping -c 1 -W 1 {guest}", code=None)

    def peers(self, host: str) -> dict[str, dict[str, Any]]:
        """Return what the switch of a host says of the others."""
        text = self.run(host, "sh", "-c", 'vether show peers --json --dir "$VKD_RUNTIME_DIR/lab/@lan"')
        rows: list[dict[str, Any]] = json.loads(text)
        return {row["name"]: row for row in rows}


def run(words: list[str], code: int | None = 0, env: dict[str, str] | None = None) -> str:
    """Run a command to its end, which must be `code` unless that is None; return its output, stripped."""
    done = subprocess.run(
        words,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=LIMIT,
        env=env,
        check=False,
    )
    if code is not None:
        assert done.returncode == code, f"{words}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout.strip()


def wait_for(what: str, check: Callable[[], object], seconds: float = 60) -> None:
    """Wait until `check` returns something true."""
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, f"no {what} within {seconds} s"
        time.sleep(0.2)
