"""Fixtures: a switch daemon that is gone after the test."""

from collections.abc import Iterator

import pytest

from tests.vether.lab import Lab, open_lab


@pytest.fixture
def lab() -> Iterator[Lab]:
    with open_lab() as lab:
        yield lab
