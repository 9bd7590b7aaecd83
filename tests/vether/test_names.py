"""Names of hosts in endpoints, and of the network: what is none is refused, and what nobody has disturbs nobody."""

import socket

import pytest

from tests.vether.following import following
from tests.vether.lab import Lab, ports, until
from vether import keys
from vether.control import ControlError


def spec(lab: Lab, endpoint: str, name: str = "lan") -> dict[str, object]:
    public = keys.encode(keys.public(b"\x07" * 32))
    tunnel = {"key": str(lab.folder / "key"), "listen": "127.0.0.1:0"}
    peers = [{"name": "far", "public_key": public, "endpoint": endpoint}]
    return {**ports("a", tunnel=tunnel, peers=peers), "name": name}


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


def test_an_address_of_one_link_is_refused(lab: Lab) -> None:
    keys.generate(lab.folder / "key")
    lab.start(ports("a"))
    with pytest.raises(ControlError, match="fe80::1%lo is an address of one link"):
        lab.call("apply", spec=spec(lab, "[fe80::1%lo]:5870"))


def test_a_tunnel_at_an_address_that_is_taken_is_told_where_to_say_another(lab: Lab) -> None:
    keys.generate(lab.folder / "key")
    lab.start(ports("a"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        asked = spec(lab, "127.0.0.1:9")
        asked["tunnel"] = {"key": str(lab.folder / "key"), "listen": f"127.0.0.1:{taken.getsockname()[1]}"}
        with pytest.raises(ControlError, match=r"cannot listen at UDP 127\.0\.0\.1:.*already in use") as caught:
            lab.call("apply", spec=asked)
    hint = caught.value.hint or ""
    assert "tunnel.listen" in hint
    assert "[hosts.NAME]" in hint
    lab.call("apply", spec=asked)


def test_a_network_that_is_renamed_meets_peers_by_its_new_name(lab: Lab) -> None:
    keys.generate(lab.folder / "key")
    lab.start(spec(lab, "127.0.0.1:9"))
    changed = lab.call("apply", spec=spec(lab, "127.0.0.1:9", "other"))["changed"]
    assert changed == ["name: other", "tunnel: changed", "peer far: added"]
    assert lab.call("apply", spec=spec(lab, "127.0.0.1:9", "other"))["changed"] == []
    assert lab.call("ping")["name"] == "other"


def test_a_folder_too_deep_for_the_control_socket_is_refused(lab: Lab) -> None:
    file = lab.folder / "spec.toml"
    file.write_text('name = "lan"\ngateway = false\n')
    deep = lab.folder / ("x" * 107)
    result = lab.command("serve", str(file), "--dir", str(deep))
    assert result.returncode == 5
    assert "control socket is too long" in result.stderr
    assert "Traceback" not in result.stderr
    assert not deep.exists()
