"""A peer that runs, and answers to one command after the other."""

import os
import select
import signal
import subprocess
import tempfile
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from bench.peers.protocol import Answer, Transcript
from bench.peers.workload import PeerError

BOOT_LIMIT = 120.0  # seconds
END_LIMIT = 5.0
TREE = Path(__file__).parents[2]


class Session:
    """A peer's process from its start to its end. ``boot`` are the seconds until the agent was there."""

    def __init__(self, command: list[str]) -> None:
        self._transcript = Transcript()
        self._answers: deque[Answer] = deque()
        self._folder = tempfile.TemporaryDirectory(prefix="vkd-bench-")
        began = time.monotonic()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=TREE,
            # User Mode Linux keeps a folder at home for each machine.
            env={**os.environ, "HOME": self._folder.name},
            start_new_session=True,
        )
        try:
            self._answer(BOOT_LIMIT)
        except PeerError:
            self.close()
            raise
        self.boot = time.monotonic() - began

    def __enter__(self) -> "Session":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def run(self, command: str, limit: float) -> tuple[Answer, float]:
        """Run a command; return what came of it, and the seconds by the host's clock.

        Raises PeerError, after which the session is of no more use, when no answer comes within `limit` seconds.
        """
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        began = time.monotonic()
        try:
            self._process.stdin.write(command.encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise PeerError(self._ended()) from None
        return self._answer(limit), time.monotonic() - began

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def running(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def close(self) -> None:
        """End the process with all that it started."""
        try:
            self._process.communicate(b"end\n", timeout=END_LIMIT)
        except (subprocess.TimeoutExpired, BrokenPipeError, ValueError):
            pass
        finally:
            # The processes of User Mode Linux are many.
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._folder.cleanup()

    def _answer(self, limit: float) -> Answer:
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        end = time.monotonic() + limit
        while not self._answers:
            left = end - time.monotonic()
            if left <= 0:
                raise PeerError(f"no answer within {limit:.0f} s; it said last: {self._transcript.tail()}")
            if select.select([self._process.stdout], [], [], left)[0]:
                data = os.read(self._process.stdout.fileno(), 1 << 16)
                if not data:
                    raise PeerError(self._ended())
                self._answers += self._transcript.feed(data)
        return self._answers.popleft()

    def _ended(self) -> str:
        status = self._process.wait()
        return f"it ended with status {status}; it said last: {self._transcript.tail()}"
