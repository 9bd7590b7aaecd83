"""Three hosts that are containers, as docker/compose.yaml has them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from functools import partial

import pytest

from tests.multihost.fleet import GUESTS, LIMIT, ROOT, Fleet, run, wait_for

#: The image of the tests: that of the user stays as it is.
IMAGE = "vkd-test"

#: The first build makes the base image as well, out of a mirror.
_BUILD_LIMIT = 900.0


def compose_command() -> list[str]:
    """Return the words that run the compose command, or skip."""
    if shutil.which("docker") is None:
        pytest.skip("needs Docker: there is no program docker")
    if subprocess.run(["docker", "version"], capture_output=True, check=False, timeout=LIMIT).returncode:
        pytest.skip("needs a Docker engine: none answers `docker version`")
    for words in (["docker", "compose"], ["docker-compose"]):
        if (
            shutil.which(words[0])
            and not subprocess.run([*words, "version"], capture_output=True, check=False, timeout=LIMIT).returncode
        ):
            return words
    pytest.skip("needs `docker compose` or docker-compose")


def build() -> None:
    """Make the image; skip where the host lacks what that takes."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "docker/build.py"), "--tag", IMAGE],
        capture_output=True,
        text=True,
        check=False,
        timeout=_BUILD_LIMIT,
    )
    if done.returncode == 5:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stdout + done.stderr


class Engine(Fleet):
    """The containers of one project, which is named for this run of the tests."""

    def __init__(self, command: list[str]) -> None:
        self.project = f"vkdtest{uuid.uuid4().hex[:6]}"
        self._command = [*command, "-p", self.project, "-f", str(ROOT / "docker/compose.yaml")]
        self._env = {**os.environ, "VKD_IMAGE": IMAGE}

    def _compose(self, *words: str) -> str:
        return run([*self._command, *words], env=self._env)

    def start(self) -> None:
        self._compose("up", "-d", "--no-build")
        for host in GUESTS:
            wait_for(f"healthy {host}", partial(self.healthy, host), LIMIT)

    def close(self) -> None:
        self._compose("down", "-v", "--timeout", "30")

    def container(self, host: str) -> str:
        """Return the container of a host, by the name that either compose command gives it."""
        found = run(["docker", "ps", "-aq", *self._labels(), "--filter", f"label=com.docker.compose.service={host}"])
        assert found
        assert len(found.split()) == 1, found
        return found

    def healthy(self, host: str) -> bool:
        """Whether the engine finds a host well, which it does when its guests are ready; fail if it has ended."""
        state = json.loads(run(["docker", "inspect", self.container(host)]))[0]["State"]
        assert state["Running"], self.logs(host)
        return bool(state["Health"]["Status"] == "healthy")

    def logs(self, host: str) -> str:
        """Return the end of what a host said."""
        words = ["docker", "logs", "--tail", "20", self.container(host)]
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        return done.stdout

    def left(self) -> list[str]:
        """Return what is left of the project: containers, networks and volumes."""
        kinds = (("ps", "-aq"), ("network", "ls", "-q"), ("volume", "ls", "-q"))
        return [line for kind in kinds for line in run(["docker", *kind, *self._labels()]).split()]

    def words(self, host: str, *words: str) -> list[str]:
        return ["docker", "exec", self.container(host), *words]

    def cut(self, one: str, other: str) -> None:
        run(["docker", "network", "disconnect", f"{self.project}_{one}-{other}", self.container(other)])

    def heal(self, one: str, other: str) -> None:
        network, container = f"{self.project}_{one}-{other}", self.container(other)
        run(["docker", "network", "connect", "--alias", other, network, container])

    def kill(self, host: str) -> None:
        run(["docker", "kill", self.container(host)])

    def _labels(self) -> list[str]:
        return ["--filter", f"label=com.docker.compose.project={self.project}"]
