"""A switch whose host lacks something."""

from pathlib import Path

import pytest

from vether import network
from vether.config import convert_untrusted
from vether.errors import HostLacksError
from vether.folder import Folder


class _Bare:
    """A switch on a host without libslirp."""

    def __init__(self, **_: object) -> None:
        self.closed = False

    def stop_gateway(self) -> None:
        """Nothing runs."""

    def start_gateway(self, **_: object) -> None:
        raise ImportError("cannot load libslirp: no such file")

    def close(self) -> None:
        self.closed = True


def test_a_missing_libslirp_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(network, "Switch", _Bare)
    with pytest.raises(HostLacksError, match="cannot load libslirp") as caught:
        network.Network(Folder(tmp_path), convert_untrusted({"name": "lan"}))
    assert caught.value.exit_code == 5
    assert "apt install libslirp0" in str(caught.value.hint)
    assert "gateway = false" in str(caught.value.hint)
    network.Network(Folder(tmp_path), convert_untrusted({"name": "lan", "gateway": False}))
