"""Three hosts that are network namespaces, made by docker/namespaces.py."""

import os
import shutil
import sys
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.multihost.behaviour import Behaviour
from tests.multihost.fleet import ROOT, Fleet, run, wait_for
from vkd.images.progress import Watcher
from vkd.images.store import ensure_sync

pytestmark = pytest.mark.multihost


class Namespaces(Fleet):
    """The hosts, and the folder that they are in."""

    def __init__(self) -> None:
        # Not pytest's own folder: paths of sockets have a limit of 107 bytes.
        self.folder = Path(f"/tmp/vkd-{uuid.uuid4().hex[:6]}")

    def _tool(self, *words: str) -> list[str]:
        return [sys.executable, str(ROOT / "docker/namespaces.py"), "--dir", str(self.folder), *words]

    def start(self) -> None:
        run(self._tool("up"))

    def close(self) -> None:
        run(self._tool("down"))

    def words(self, host: str, *words: str) -> list[str]:
        return self._tool("run", host, *words)

    def cut(self, one: str, other: str) -> None:
        run(self._tool("cut", one, other))

    def heal(self, one: str, other: str) -> None:
        run(self._tool("heal", one, other))

    def kill(self, host: str) -> None:
        run(self._tool("kill", host))


@pytest.fixture(scope="module")
def rights() -> None:
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("needs root and iproute2")


@pytest.fixture(scope="module")
def fleet(rights: None) -> Iterator[Fleet]:
    # No boot is to wait for a download.
    ensure_sync("tiny", None, Watcher())
    namespaces = Namespaces()
    try:
        namespaces.start()
        yield namespaces
    finally:
        namespaces.close()
        assert not namespaces.folder.exists()
        assert not list(Path("/run/netns").glob(f"{namespaces.folder.name}*"))


class TestNamespaces(Behaviour):
    def test_mistakes_are_explained(self, fleet: Fleet) -> None:
        assert isinstance(fleet, Namespaces)
        assert run([*fleet.words("h4", "true")], code=2) == ""
        assert run([*fleet.words("h1")], code=2) == ""
        # What runs is left alone.
        fleet.start()
        wait_for("traffic", partial(fleet.pings, "h1", "b"))


def test_down_leaves_what_is_not_its_own(rights: None, tmp_path: Path) -> None:
    for name in ("cluster.toml", "h1/state/host.key", "letters/to.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    run([sys.executable, str(ROOT / "docker/namespaces.py"), "--dir", str(tmp_path), "down"])
    assert [path.name for path in tmp_path.rglob("*")] == ["letters", "to.txt"]
