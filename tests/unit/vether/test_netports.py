"""Specifications of ports on the host's network: what is right is kept, what is wrong is named."""

import errno
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vether.config import convert_untrusted, to_map
from vether.errors import HostLacksError, SpecError, VetherError
from vether.folder import Folder
from vether.ports import raw, tap, udp
from vether.ports.interface import login


def port(kind: str, **more: object) -> dict[str, Any]:
    return {"name": "lan", "ports": [{"name": "p", "kind": kind, **more}]}


def vxlan(**more: object) -> dict[str, Any]:
    return port("vxlan", **{"vni": 1, "peers": ["192.0.2.1"], **more})


def l2tp(**more: object) -> dict[str, Any]:
    return port("l2tpv3", **{"peer": "192.0.2.1", "session": 1, **more})


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (port("tap", device="a/b"), "ports[0].device: 'a/b' is not an interface's name"),
        (port("tap", device=".."), "ports[0].device: '..' is not an interface's name"),
        (port("tap", device="x%d"), "ports[0].device: 'x%d' is not an interface's name"),
        (port("tap", bridge=""), "ports[0].bridge: '' is not an interface's name"),
        (port("tap", mtu=65522), "ports[0].mtu: 65522 is not between 68 and 65521"),
        (port("tap", host_addresses=["10.0.0.1/33"]), "ports[0].host_addresses[0]"),
        (
            port("tap", bridge="br0", host_addresses=["10.0.0.1/24"]),
            "ports[0].host_addresses: a bridge's port has none",
        ),
        (port("raw", device="a b"), "ports[0].device: 'a b' is not an interface's name"),
        (port("vxlan", peers=["192.0.2.1"]), "ports[0]: the key vni is missing"),
        (vxlan(vni=1 << 24), "ports[0].vni: 16777216 is not between 0 and 16777215"),
        (vxlan(peers=[]), "ports[0].peers: there is none"),
        (vxlan(peers=["host.example"]), "ports[0].peers[0]: 'host.example' is not an IP address"),
        (vxlan(peers=["192.0.2.1:0"]), "ports[0].peers[0]: 0 is not between 1 and 65535"),
        (vxlan(peers=["192.0.2.1", "192.0.2.1:9"]), "ports[0].peers[1]: 192.0.2.1 is there twice"),
        (vxlan(peers=["192.0.2.1", "2001:db8::1"]), "ports[0].peers[1]: 2001:db8::1 is of another IP version"),
        (vxlan(peers=["239.1.1.1"]), "ports[0].peers[0]: 239.1.1.1 is no one's address"),
        (vxlan(peers=["::ffff:192.0.2.1"]), "is not an IP address"),
        (vxlan(local="::1"), "ports[0].local: ::1 is of another IP version"),
        (vxlan(outer_mtu=500), "ports[0].outer_mtu: 500 is not between 576 and 65535"),
        (vxlan(port=65536), "ports[0].port: 65536 is not between 1 and 65535"),
        (l2tp(session=-1), "ports[0].session: -1 is not between 0 and 4294967295"),
        (l2tp(cookie="12"), "ports[0].cookie: '12' is not 8 or 16 hexadecimal digits"),
        (l2tp(local_cookie="x" * 8), "ports[0].local_cookie: 'xxxxxxxx' is not 8 or 16"),
        (l2tp(offset=65), "ports[0].offset: 65 is not between 0 and 64"),
    ],
)
def test_what_is_wrong_is_named(raw: object, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        convert_untrusted(raw)
    assert message in caught.value.message


@pytest.mark.parametrize(
    "raw",
    [
        port("tap", bridge="br-lan.5", mtu=9000),
        port("tap", host_addresses=["10.0.0.1/24", "fd00::1/64"]),
        vxlan(peers=["2001:db8::1", "[2001:db8::2]:8472"], local="2001:db8::9", outer_mtu=1280),
        l2tp(cookie="0102a5b6", local_cookie="0011223344556677", counter=True, offset=64),
    ],
)
def test_what_is_right_is_kept(raw: dict[str, Any]) -> None:
    spec = convert_untrusted(raw)
    assert convert_untrusted(to_map(spec)) == spec


@given(st.text())
def test_any_text_is_a_peer_or_a_mistake(text: str) -> None:
    try:
        address, number = udp.parse_peer("here", text, 4789)
    except SpecError:
        return
    assert udp.parse_peer("here", f"[{address}]:{number}", 1) == (address, number)


def test_a_payload_leaves_room_for_the_headers() -> None:
    assert (udp.longest_payload(1500, 4), udp.longest_payload(1500, 6), udp.longest_payload(None, 4)) == (
        1472,
        1452,
        65507,
    )


@pytest.mark.parametrize(
    ("code", "kind", "hint"),
    [
        (errno.EPERM, HostLacksError, f"ip tuntap add dev t0 mode tap user {login()}; ip link set t0 up"),
        (errno.ENOENT, HostLacksError, "/dev/net/tun"),
        (errno.EBUSY, VetherError, "another program"),
        (errno.EINVAL, VetherError, "no TAP"),
    ],
)
def test_a_tap_that_cannot_be_had_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, code: int, kind: type[VetherError], hint: str
) -> None:
    pytun = pytest.importorskip("pytun")

    def refuse(**_: object) -> None:
        raise pytun.Error(code, "no")

    monkeypatch.setattr(pytun, "TunTapDevice", refuse)
    with pytest.raises(kind) as caught:
        tap.TapPort(name="t0").open(Folder(tmp_path))
    assert type(caught.value) is kind
    assert hint in str(caught.value.hint)


def test_all_that_root_has_to_do_for_a_tap_is_told_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    pytun = pytest.importorskip("pytun")

    def refuse(**_: object) -> None:
        raise pytun.Error(errno.EPERM, "no")

    monkeypatch.setattr(pytun, "TunTapDevice", refuse)
    monkeypatch.setattr(tap, "_CLONE", str(tmp_path / "tun"))
    port = tap.TapPort(name="host", device="t0", host_addresses=("10.0.0.1/24", "fd00::1/64"), mtu=9000)
    with pytest.raises(HostLacksError) as caught:
        port.open(Folder(tmp_path))
    assert str(caught.value.hint).removeprefix("let root grant it: ").split("; ") == [
        f"chmod 666 {tmp_path / 'tun'}",
        f"ip tuntap add dev t0 mode tap user {login()}",
        "ip link set t0 mtu 9000",
        "ip addr add 10.0.0.1/24 dev t0",
        "ip addr add fd00::1/64 dev t0",
        "ip link set t0 up",
    ]


def test_a_raw_interface_is_granted_to_a_command_and_not_to_all_of_python(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("socket.socket", refuse)
    with pytest.raises(HostLacksError, match="CAP_NET_RAW") as caught:
        raw.RawPort(name="eth0").open(Folder(tmp_path))
    assert f"setpriv --reuid={login()} " in str(caught.value.hint)
    assert "--ambient-caps=+net_raw" in str(caught.value.hint)
    assert "setcap" not in str(caught.value.hint)


def test_a_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 3_999_999_999)
    assert login() == "3999999999"


def test_without_python_pytun_the_host_lacks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pytun", None)
    with pytest.raises(HostLacksError, match="python-pytun"):
        tap._attach("t0", [])
