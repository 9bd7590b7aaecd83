"""What may pass a port: as a file says it, and as the datapath takes it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vether.between import vlan_rows
from vether.config import Spec, convert_untrusted, to_map
from vether.errors import SpecError
from vkd._native import Policy

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["1-5", "5-1", "b", "always"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["access", "native", "allowed", "to", "mac", "vlan", "burst"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)
keys = st.sampled_from(
    ["vlan", "reserved", "isolated", "mac_limit", "storm", "rate", "wire", "mirror", "static", "router"]
)


def spec(**more: object) -> Spec:
    return convert_untrusted({"name": "lan", "ports": [{"name": "a", **more}, {"name": "b"}]})


def policy(**more: object) -> Policy:
    return spec(**more).ports[0].policy()


@given(st.dictionaries(keys, values))
def test_anything_is_a_policy_or_a_specification_error(raw: dict[str, Any]) -> None:
    try:
        made = spec(**raw)
    except SpecError:
        return
    assert convert_untrusted(to_map(made)) == made
    assert made.ports[0].policy() == made.ports[0].policy()


def test_a_file_says_what_the_datapath_does() -> None:
    assert policy() == Policy()
    assert policy(vlan={"access": 10}) == Policy(access=10) != Policy(access=11)
    trunk = {"native": 1, "allowed": [30, "10-12"]}
    assert policy(vlan=trunk) == Policy(trunk=(1, [10, 11, 12, 30])) != Policy(trunk=(None, [10, 11, 12, 30]))
    assert policy(reserved="peer", isolated=True, mac_limit=3) == Policy(reserved="peer", isolated=True, mac_limit=3)
    assert policy(router="always", fast_leave=True) == Policy(router="always", fast_leave=True)
    storm = {"broadcast": 100, "unknown": 0}
    assert policy(storm=storm) == Policy(limits={"broadcast": (100, 100), "unknown": (0, 0)})
    rate = {"ingress": 8_000_000_000, "egress": 80_000}
    limits = {"ingress": (10**9, 10**8), "egress": (10_000, 256 * 1024)}
    assert policy(rate=rate) == Policy(limits=limits)
    slow = {"ingress": 80_000_000, "egress": 8_000_000}
    assert policy(rate=slow) == Policy(limits={"ingress": (10**7, 2 << 20), "egress": (10**6, 10**6)})
    assert policy(rate={**rate, "burst": 5}) == Policy(limits={"ingress": (10**9, 5), "egress": (10_000, 5)})


def test_a_fixed_address_is_in_the_vlan_of_untagged_frames() -> None:
    fixed = [{"mac": "52:54:00:AA:00:01"}, {"mac": "52:54:00:aa:00:02", "vlan": 20}]
    trunk = {"native": 1, "allowed": [20]}
    expected = [("52:54:00:aa:00:01", 1), ("52:54:00:aa:00:02", 20)]
    assert spec(vlan=trunk, static=fixed).ports[0].addresses() == expected
    assert spec(static=fixed[:1]).ports[0].addresses() == [("52:54:00:aa:00:01", 0)]


def test_vlans_are_shown_with_their_ports() -> None:
    made = convert_untrusted(
        {
            "name": "lan",
            "gateway_vlan": 20,
            "ports": [
                {"name": "a", "vlan": {"access": 20}},
                {"name": "t", "vlan": {"native": 10, "allowed": ["20-21"]}},
                {"name": "x"},
            ],
        }
    )
    assert vlan_rows(made) == [
        {"vlan": 10, "untagged": "t", "tagged": "", "transparent": "x"},
        {"vlan": 20, "untagged": "a, gateway", "tagged": "t", "transparent": "x"},
        {"vlan": 21, "untagged": "", "tagged": "t", "transparent": "x"},
    ]
    assert vlan_rows(convert_untrusted({"name": "lan"})) == []


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"vlan": {}}, "ports[0].vlan: no VLAN"),
        ({"vlan": {"access": 4095}}, "ports[0].vlan.access: 4095 is not a whole number from 1 to 4094"),
        ({"vlan": {"access": 1, "native": 2}}, "ports[0].vlan: access and native or allowed exclude each other"),
        ({"vlan": {"allowed": ["9-5"]}}, "ports[0].vlan.allowed: '9-5' is not a range of VLANs"),
        ({"vlan": {"allowed": ["1-4095"]}}, "ports[0].vlan.allowed: '1-4095' is not a range of VLANs"),
        ({"vlan": {"acces": 1}}, "ports[0].vlan: no key 'acces'"),
        ({"reserved": "eat"}, "ports[0].reserved: 'eat' is none of drop, forward, peer"),
        ({"mac_limit": 0}, "ports[0].mac_limit: 0 is not a whole number from 1 to"),
        ({"storm": {"broadcast": -1}}, "ports[0].storm.broadcast: -1 is not a whole number from 0 to"),
        ({"rate": {"speed": 1}}, "ports[0].rate: no key 'speed'"),
        ({"wire": "a"}, "port a: wire: a is the port itself"),
        ({"wire": "c"}, "port a: wire: there is no port 'c'"),
        ({"mirror": {"to": "gateway"}}, "port a: mirror.to: there is no port 'gateway'"),
        ({"mirror": {"to": "b"}, "wire": "b"}, "port a: mirror.to: b is wired to a"),
        ({"static": [{"mac": "01:00:5e:00:00:01"}]}, "ports[0].static[0].mac: '01:00:5e:00:00:01' is not a unicast"),
        ({"static": [{"mac": "x"}]}, "ports[0].static[0].mac: 'x' is not a unicast"),
        (
            {"vlan": {"access": 3}, "static": [{"mac": "52:54:00:00:00:01", "vlan": 4}]},
            "ports[0].static[0].vlan: the port does not carry VLAN 4",
        ),
        ({"static": [{"mac": "52:54:00:00:00:01", "vlan": 4, "port": 1}]}, "no key 'port'"),
    ],
)
def test_what_cannot_be_is_named(more: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError) as caught:
        spec(**more)
    assert message in caught.value.message


def test_ports_do_not_contradict_each_other() -> None:
    def ports(**more: dict[str, Any]) -> Spec:
        return convert_untrusted({"name": "lan", "ports": [{"name": name, **keys} for name, keys in more.items()]})

    ports(a={"wire": "b"}, b={"wire": "a"})
    with pytest.raises(SpecError, match="port c: wire: a is wired to b already"):
        ports(a={"wire": "b"}, b={}, c={"wire": "a"})
    with pytest.raises(SpecError, match=r"port a: mirror\.to: b is mirrored itself"):
        ports(a={"mirror": {"to": "b"}}, b={"mirror": {"to": "c"}}, c={})
    fixed = {"static": [{"mac": "52:54:00:00:00:01"}]}
    with pytest.raises(SpecError, match="port b: static: 52:54:00:00:00:01 is fixed to a already"):
        ports(a=fixed, b=fixed)
    with pytest.raises(SpecError, match="gateway_vlan"):
        convert_untrusted({"name": "lan", "gateway_vlan": 0})
    with pytest.raises(SpecError, match="snooping: 'on' is none of flood, off, prune"):
        convert_untrusted({"name": "lan", "snooping": "on"})


def test_the_native_module_refuses_what_cannot_be() -> None:
    wrong: dict[str, Any]
    for wrong in (
        {"access": 0},
        {"access": 1, "trunk": (None, [])},
        {"trunk": (4095, [])},
        {"trunk": (None, [0])},
        {"reserved": "x"},
        {"router": "x"},
        {"limits": {"x": (1, 1)}},
    ):
        with pytest.raises(ValueError, match=r"."):
            Policy(**wrong)
