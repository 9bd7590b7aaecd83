"""Folders of its own for each test, and ways to run `vkd`."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.unit.cli.fake import FakeDaemon, row, running
from vkd.cli.edge import run


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


Vkd = Callable[..., Result]


@pytest.fixture(autouse=True)
def _folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Generator[None, None, None]:
    with TemporaryDirectory(prefix="vkd-t-") as short:  # pytest's own folder is too long for sockets
        monkeypatch.setenv("VKD_RUNTIME_DIR", f"{short}/run")
        monkeypatch.setenv("VKD_STATE_DIR", str(tmp_path / "state"))
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        monkeypatch.delenv("VKD_DEBUG", raising=False)
        monkeypatch.chdir(tmp_path)
        yield


@pytest.fixture
def vkd(capfd: pytest.CaptureFixture[str]) -> Vkd:
    """Run a command line in this process, through the edge."""

    def call(*arguments: str) -> Result:
        capfd.readouterr()
        code = run(arguments)
        out, err = capfd.readouterr()
        return Result(code, out, err)

    return call


@pytest.fixture
def daemon(tmp_path: Path) -> Generator[FakeDaemon, None, None]:
    """Serve a daemon with the guests a and b of the cluster demo."""
    guests = [
        row("a", stage="ssh", ssh_port=2201, addresses=["10.77.0.10"], memory=128 << 20, pid=7, started=1.0),
        row("b", stage="ssh", ssh_port=2202, addresses=["10.77.0.11"], memory=128 << 20, pid=8, restarts=2),
    ]
    with running(FakeDaemon(folder=str(tmp_path), rows=guests)) as fake:
        yield fake
