"""Specifications: what is right is kept, what is wrong is named, whatever it is."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vether.config import Spec, convert_untrusted, to_map
from vether.errors import SpecError
from vether.ports import KINDS

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
keys = st.sampled_from(Spec.__struct_fields__)
port_keys = st.sampled_from(sorted({key for kind in KINDS.values() for key in kind.__struct_fields__}))
foreign = st.builds(
    lambda kind, keys: {"name": "x", "kind": kind, **keys},
    st.sampled_from(sorted(KINDS)),
    st.dictionaries(port_keys, st.text() | st.integers() | st.sampled_from(["/x", "127.0.0.1:1", "[::1]:1"])),
)


def port(**more: object) -> dict[str, Any]:
    return {"name": "lan", "ports": [{"name": "a"}, {"name": "b", **more}]}


def forward(**more: object) -> dict[str, Any]:
    return {"name": "lan", "forwards": [{"guest": "10.77.0.9", "guest_port": 22, **more}]}


def hosts(*tables: dict[str, str]) -> dict[str, Any]:
    return {"name": "lan", "hosts": list(tables)}


@given(values | st.dictionaries(keys, values) | st.builds(lambda port: {"name": "lan", "ports": [port]}, foreign))
def test_anything_is_a_specification_or_a_specification_error(raw: object) -> None:
    try:
        spec = convert_untrusted(raw)
    except SpecError:
        return
    assert convert_untrusted(to_map(spec)) == spec


def test_what_is_not_given_follows_from_what_is() -> None:
    spec = convert_untrusted({"name": "Lab", "subnet": "192.168.5.0/26"})
    assert (str(spec.router), str(spec.resolver), spec.zone) == ("192.168.5.1", "192.168.5.1", "lab")
    spec = convert_untrusted({"name": "lab", "gateway_address": "10.77.0.254", "domain": "Corp.Test."})
    assert (str(spec.resolver), spec.zone) == ("10.77.0.254", "corp.test")


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ([], "the specification: [] is not a table"),
        ({}, "the specification: the key name is missing"),
        ({"name": "../x"}, "name: '../x' is not a name"),
        ({"name": "lan", "mtu": 100}, "mtu: 100 is not between 576 and 65521"),
        ({"name": "lan", "ageing": 0}, "ageing: 0"),
        ({"name": "lan", "domain": "a..b"}, "domain: 'a..b'"),
        ({"name": "lan", "subnet": "10.0.0.0/30"}, "subnet: /30 is not between /8 and /29"),
        ({"name": "lan", "subnet": "fd00::/64"}, "subnet: Expected 4 octets"),
        ({"name": "lan", "gateway_address": "10.77.1.1"}, "gateway_address: 10.77.1.1 is not a host's address"),
        (port(name="a"), "ports[1].name: there is a port 'a' already"),
        (port(name="gateway"), "ports[1].name: there is a port 'gateway' already"),
        (port(kind="gast"), "ports[1].kind: no kind 'gast'"),
        (port(kind=7), "ports[1].kind: no kind 7"),
        (port(remote="/x"), "ports[1]: no key 'remote'"),
        (port(kind="dgram"), "ports[1]: the key remote is missing"),
        (port(kind="dgram", remote="x"), "ports[1].remote: 'x' is not an absolute path"),
        (port(kind="fd", fd=2), "ports[1].fd: 2 is not the number of a descriptor"),
        (port(kind="stream", listen="10.0.0.1:7000"), "ports[1].listen: 10.0.0.1 is not an address of the loopback"),
        (port(kind="stream", listen="127.0.0.1:0"), "ports[1].listen: '127.0.0.1:0' is not ADDRESS:PORT"),
        (port(kind="stream", listen="::1:7000"), "ports[1].listen: '::1:7000' is not ADDRESS:PORT"),
        (port(kind="stream", listen="localhost:7000"), "ports[1].listen: 'localhost:7000' is not ADDRESS:PORT"),
        (port(split_horizon=-1), "ports[1].split_horizon: -1 is not between 0 and 4294967295"),
        (port(mac="01:00:00:00:00:01"), "ports[1].mac: '01:00:00:00:00:01' is not a unicast address"),
        (port(address="10.77.0.1"), "ports[1].address: 10.77.0.1 is gateway_address's already"),
        (port(address="10.77.0.255"), "ports[1].address: 10.77.0.255 is not a host's address"),
        (port(hostname="a_b"), "ports[1].hostname: 'a_b' is not a host name"),
        (port(speed=1), "ports[1]: no key 'speed'"),
        (forward(guest="10.78.0.1"), "forwards[0].guest: 10.78.0.1 is not a host's address"),
        (forward(guest_port=0), "forwards[0].guest_port: 0 is not between 1 and 65535"),
        (forward(host="localhost"), "forwards[0].host: 'localhost' is not an IPv4 address"),
        (forward(proto="sctp"), "forwards[0].proto: 'sctp' is none of tcp, udp"),
        (forward() | {"gateway": False}, "forwards: they need the gateway"),
        (hosts({"name": "a_b", "address": "10.77.0.9"}), "hosts[0].name: 'a_b' is not a host name"),
        (hosts({"name": "x", "address": "10.78.0.9"}), "hosts[0].address: 10.78.0.9 is not a host's address"),
        (hosts({"name": "x", "address": "10.77.0.1"}), "hosts[0].address: 10.77.0.1 is gateway_address's already"),
        (hosts(*[{"name": "x", "address": f"10.77.0.{n}"} for n in (8, 9)]), "hosts[1].name: 'x' is there twice"),
        (hosts({"name": "x", "addres": "10.77.0.9"}), "hosts[0]: no key 'addres'"),
    ],
)
def test_what_is_wrong_is_named(raw: object, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        convert_untrusted(raw)
    assert message in caught.value.message


def test_two_ports_may_not_share_a_name_an_address_or_a_mac() -> None:
    for key, value in (("address", "10.77.0.9"), ("mac", "52:54:00:00:00:01"), ("hostname", "x")):
        with pytest.raises(SpecError, match=rf"ports\[1\]\.{key}"):
            convert_untrusted({"name": "lan", "ports": [{"name": "a", key: value}, {"name": "b", key: value}]})
    twice = {"guest": "10.77.0.9", "guest_port": 22, "host_port": 8022}
    with pytest.raises(SpecError, match="forwarded twice"):
        convert_untrusted({"name": "lan", "forwards": [twice, twice]})
