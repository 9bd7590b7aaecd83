"""Values of a wrong type are told in words of the file."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vether.config import Spec, convert_untrusted
from vether.errors import SpecError


def told(raw: object) -> tuple[str, str | None]:
    """Return the message about `raw`, and its hint."""
    with pytest.raises(SpecError) as caught:
        convert_untrusted(raw)
    return caught.value.message, caught.value.hint


def about_port(**more: object) -> tuple[str, str | None]:
    """Return what is said of a port with more keys, without its place."""
    message, hint = told({"name": "lan", "ports": [{"name": "a", **more}]})
    assert message.startswith("ports[0]")
    return message.removeprefix("ports[0]").removeprefix("."), hint


@pytest.mark.parametrize(
    ("more", "message", "hint"),
    [
        ({"vlan": "10"}, "vlan: '10' is not a table (keys: access, native, allowed)", "vlan = {access = 10}"),
        ({"netem": "lossy"}, "netem: 'lossy' is not a table (keys: in, out)", 'netem.in = {loss = "1%"}'),
        ({"netem": {"in": {"loss": [1]}}}, "netem.in.loss: [1] is not text or a whole number or", None),
        ({"stp": True}, "stp: true is not a table (keys: ", "stp = {}"),
        ({"rate": {"ingress": "1Mbit"}}, "rate.ingress: '1Mbit' is not a whole number from 0 to", "is 10 Mbit/s"),
        ({"vlan": {"access": 5000}}, "vlan.access: 5000 is not a whole number from 1 to 4094", None),
        ({"vlan": {"allowed": [1.5]}}, "vlan.allowed[0]: 1.5 is not a whole number from 1 to 4094 or text", None),
        ({"isolated": "yes"}, "isolated: 'yes' is not true or false", None),
        ({"router": "no"}, "router: 'no' is none of always, auto, never", None),
        ({"kind": "vxlan"}, ": the keys vni, peers are missing", None),
        (
            {"kind": "l2tpv3", "peer": "x", "session": 1, "cookie": 12345678},
            "cookie: 12345678 is not text",
            '"12345678"',
        ),
        (
            {"kind": "tap", "host_addresses": "10.0.0.1/24"},
            "host_addresses: '10.0.0.1/24' is not a list",
            '["10.0.0.1/24"]',
        ),
        ({"mac": [1] * 5000}, "mac: [1, 1, 1", None),
    ],
)
def test_a_port_of_wrong_types(more: dict[str, Any], message: str, hint: str | None) -> None:
    found, found_hint = about_port(**more)
    assert found.startswith(message)
    assert len(found) < 120
    assert hint is None or hint in str(found_hint)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"snooping": "yes"}, "snooping: 'yes' is none of flood, off, prune"),
        ({"stp": True}, "stp: true is not a table (keys: "),
        ({"ports": "host"}, "ports: 'host' is not a list"),
        ({"ports": ["host"]}, "ports[0]: 'host' is not a table"),
        ({"tunnel": "x"}, "tunnel: 'x' is not a table (keys: key, listen"),
        ({"peers": [{"name": "x"}]}, "peers[0]: the key public_key is missing"),
        ({"ageing": "x"}, "ageing: 'x' is not a number"),
        ({"gateway": None}, "gateway: nothing is not true or false"),
        ({"forwards": [{"guest": "10.77.0.2"}]}, "forwards[0]: the key guest_port is missing"),
    ],
)
def test_a_switch_of_wrong_types(more: dict[str, Any], message: str) -> None:
    assert told({"name": "lan", **more})[0].startswith(message)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(Spec.__struct_fields__), values, st.sampled_from(["vlan", "netem", "stp", "static", "kind"]))
def test_any_value_is_taken_or_a_specification_error(key: str, value: object, port_key: str) -> None:
    for raw in ({"name": "lan", key: value}, {"name": "lan", "ports": [{"name": "a", port_key: value}]}, value):
        with contextlib.suppress(SpecError):
            convert_untrusted(raw)
