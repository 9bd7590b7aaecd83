"""Setting interfaces up where the library is missing."""

import sys

import pytest

from vether.errors import HostLacksError
from vether.ports.interface import Interface


def test_a_missing_library_is_said_clearly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyroute2", None)
    with pytest.raises(HostLacksError, match="needs pyroute2") as caught:
        Interface("tap0")
    assert "pip install pyroute2" in str(caught.value.hint)
