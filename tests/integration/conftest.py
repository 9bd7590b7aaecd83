"""Fixtures: labs that are gone after the test or the module, with whatever ran in them."""

from collections.abc import Iterator

import pytest

from tests.integration.lab import Lab, open_lab
from vkd.images import Image
from vkd.images.progress import Watcher
from vkd.images.store import ensure_sync


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here boots guests, or at least starts a daemon."""
    for item in items:
        if "tests/integration/" in item.path.as_posix():
            item.add_marker(pytest.mark.integration)


@pytest.fixture(scope="session")
def image() -> Image:
    """The image `tiny`, made beforehand: no boot is to wait for a download."""
    return ensure_sync("tiny", None, Watcher())


@pytest.fixture
def lab() -> Iterator[Lab]:
    """A lab for one test."""
    with open_lab() as lab:
        yield lab


@pytest.fixture(scope="module")
def pair(image: Image, request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A lab for all tests of a module, with the cluster that the module's `CLUSTER` describes."""
    with open_lab() as lab:
        lab.write(request.module.CLUSTER)
        yield lab


@pytest.fixture
def ready(pair: Lab) -> Lab:
    """The module's cluster with all its guests ready, whatever the test before did to it."""
    pair.vkd("up")
    return pair
