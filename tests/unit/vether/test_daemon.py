"""The daemon under a fake clock."""

from pathlib import Path

import pytest
import trio
import trio.testing

from vether import daemon
from vether.config import Spec, convert_untrusted
from vether.errors import VetherError
from vether.folder import Folder
from vether.network import Network


async def test_a_dead_datapath_ends_the_daemon(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    networks: list[Network] = []

    class Watched(Network):
        def __init__(self, folder: Folder, spec: Spec, metrics: str | None = None) -> None:
            super().__init__(folder, spec, metrics)
            networks.append(self)

    monkeypatch.setattr(daemon, "Network", Watched)
    folder = Folder(tmp_path / "run")

    async def end() -> None:
        await trio.sleep(10)
        networks[0].switch.close()

    async def serve() -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(daemon.run, convert_untrusted({"name": "lan", "gateway": False}), folder)
            nursery.start_soon(end)

    with pytest.raises(ExceptionGroup) as caught:
        await serve()
    assert [type(error) for error in caught.value.exceptions] == [VetherError]
    assert autojump_clock.rate == 0
    assert [path.name for path in folder.path.iterdir()] == ["log"]
    assert "the switch is closed" in folder.log.read_text()
