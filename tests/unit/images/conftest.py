from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.images.fakes import Signer
from vkd.images.cache import Cache


@pytest.fixture(scope="session")
def signer() -> Iterator[Signer]:
    # A short path: gpg-agent's socket lies in it.
    with tempfile.TemporaryDirectory(prefix="vkd-gpg-") as folder:
        made = Signer(Path(folder) / "home")
        yield made
        made.stop()


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")
