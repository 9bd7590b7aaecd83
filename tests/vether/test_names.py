"""Endpoints that are names: what is none is refused, and what nobody resolves disturbs nobody."""

import pytest

from tests.vether.following import following
from tests.vether.lab import Lab, ports, until
from vether import keys
from vether.control import ControlError


def spec(lab: Lab, endpoint: str) -> dict[str, object]:
    public = keys.encode(keys.public(b"\x07" * 32))
    tunnel = {"key": str(lab.folder / "key"), "listen": "127.0.0.1:0"}
    return ports("a", tunnel=tunnel, peers=[{"name": "far", "public_key": public, "endpoint": endpoint}])


@pytest.mark.parametrize("host", ["a..b", "x" * 64, "a b", "a\0b", "\u2028"])
def test_what_is_no_name_is_refused(lab: Lab, host: str) -> None:
    keys.generate(lab.folder / "key")
    lab.start(ports("a"))
    with pytest.raises(ControlError, match="is neither an address nor a name") as caught:
        lab.call("apply", spec=spec(lab, f"{host}:5870"))
    assert caught.value.code == "invalid"
    assert lab.call("show", what="peers") == []


def test_a_name_that_nobody_has_is_asked_for_again(lab: Lab) -> None:
    keys.generate(lab.folder / "key")
    lab.start(ports("a"))
    with following(lab) as monitor:
        lab.call("apply", spec=spec(lab, "far.invalid:5870"))
        monitor.until("spec-applied")
        until("attempt", lambda: "cannot resolve far.invalid" in (lab.dir / "log").read_text())
        # Events are told meanwhile.
        lab.call("apply", spec=ports("a", "b"))
        monitor.until("port-added", port="b")
    assert lab.end() == 0
