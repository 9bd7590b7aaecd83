"""What is flushed, and requests of odd shapes."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from vether.config import convert_untrusted
from vether.control import ControlError
from vether.flush import flush_untrusted
from vether.folder import Folder
from vether.network import Network


@pytest.fixture
def network(tmp_path: Any) -> Iterator[Network]:
    folder = Folder(tmp_path)
    folder.ports.mkdir()
    ports = [{"name": "a", "static": [{"mac": "02:00:00:00:00:99"}]}, {"name": "b"}]
    network = Network(folder, convert_untrusted({"name": "lan", "gateway": False, "ports": ports}))
    yield network
    network.close()


def learn(network: Network, *numbers: int, port: str = "a", tag: bytes = b"") -> None:
    for number in numbers:
        frame = b"\xff" * 6 + bytes([2, 0, 0, 0, 0, number]) + tag + b"\x88\xb5" + bytes(46)
        network.switch.inject(port, frame)


def test_all_or_what_matches_is_forgotten_and_fixed_addresses_stay(network: Network) -> None:
    switch = network.switch
    learn(network, 1, 2, 3)
    learn(network, 4, port="b")
    learn(network, 1, tag=b"\x81\x00\x00\x07")
    assert switch.fdb_size() == 6
    assert flush_untrusted(switch, {"mac": "02:00:00:00:00:99"}) == {"what": "addresses", "count": 0}
    assert flush_untrusted(switch, {"vlan": 7}) == {"what": "addresses", "count": 1}
    assert flush_untrusted(switch, {"vlan": 0, "mac": "02:00:00:00:00:03", "port": "b"})["count"] == 0
    assert flush_untrusted(switch, {"vlan": 0, "mac": "02:00:00:00:00:03", "port": "a"})["count"] == 1
    assert flush_untrusted(switch, {"port": "a", "what": "addresses"})["count"] == 2
    assert flush_untrusted(switch, {"what": None, "port": None})["count"] == 1
    assert [row["mac"] for row in switch.fdb()] == ["02:00:00:00:00:99"]


def test_groups_are_apart(network: Network) -> None:
    network.switch.set_snooping(True)
    learn(network, 1)
    query = bytes.fromhex("01005e000001 020000000042 0800 4600001c 00000000 0102 0000 0a000001 e0000001 94040000")
    body = bytes.fromhex("1164ee9b00000000")
    network.switch.inject("a", query[:16] + (24 + len(body)).to_bytes(2, "big") + query[18:] + body)
    assert [row["group"] for row in network.switch.groups()] == [None]
    assert flush_untrusted(network.switch, {"what": "groups", "vlan": 3})["count"] == 0
    assert flush_untrusted(network.switch, {"what": "groups"}) == {"what": "groups", "count": 1}
    assert network.switch.fdb_size() == 3


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"what": 7}, "cannot flush 7"),
        ({"what": []}, "cannot flush"),
        ({"what": "all"}, "cannot flush 'all'"),
        ({"port": "c"}, "no port 'c'"),
        ({"port": {}}, "no port {}"),
        ({"vlan": "1"}, "vlan: '1'"),
        ({"vlan": True}, "vlan: True"),
        ({"vlan": 4095}, "vlan: 4095"),
        ({"mac": "02:00"}, "mac: '02:00'"),
        ({"mac": 2}, "mac: 2"),
        ({"ports": "a"}, "no argument 'ports'"),
    ],
)
def test_odd_requests_are_refused_and_nothing_is_forgotten(
    network: Network, args: dict[str, Any], message: str
) -> None:
    learn(network, 1)
    with pytest.raises(ControlError, match=re.escape(message)) as caught:
        flush_untrusted(network.switch, args)
    assert caught.value.code == "invalid"
    assert network.switch.fdb_size() == 2
