"""One port more, less or changed: in a specification, and on the command line."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vether import edit
from vether.cli.ports import _parse
from vether.config import Spec, convert_untrusted, to_map
from vether.errors import SpecError

SPEC = convert_untrusted(
    {
        "name": "lan",
        "ports": [{"name": "a", "mac": "52:54:00:00:00:01"}, {"name": "q", "kind": "dgram", "remote": "/q"}],
        "forwards": [{"guest": "10.77.0.9", "guest_port": 22}],
    }
)


def port(spec: Any, name: str) -> dict[str, Any]:
    return next(port for port in to_map(spec)["ports"] if port["name"] == name)


def test_a_port_is_added_at_the_end_and_removed_again() -> None:
    more = edit.add_untrusted(SPEC, {"name": "v", "kind": "vde"})
    assert [one.name for one in more.ports] == ["a", "q", "v"]
    assert edit.remove_untrusted(more, "v") == SPEC


def test_keys_change_one_by_one_and_go() -> None:
    changed = edit.change_untrusted(SPEC, "a", {"address": "10.77.0.5", "mac": None})
    assert (port(changed, "a")["address"], port(changed, "a")["mac"]) == ("10.77.0.5", None)
    assert changed.ports[1] == SPEC.ports[1]
    assert edit.change_untrusted(changed, "a", {"address": None, "mac": "52:54:00:00:00:01"}) == SPEC


def test_a_key_with_dots_changes_one_key_of_a_table() -> None:
    changes = {"netem.in.loss": "1%", "rate.ingress": 5, "vlan.access": 10}
    changed = edit.change_untrusted(SPEC, "a", changes)
    nested = {"netem": {"in": {"loss": "1%"}}, "rate": {"ingress": 5}, "vlan": {"access": 10}}
    assert changed == edit.change_untrusted(SPEC, "a", nested)
    more = edit.change_untrusted(changed, "a", {"netem.in.delay": "5ms", "rate.egress": 6, "rate.ingress": None})
    assert port(more, "a")["netem"] == {"in": {"loss": "1%", "delay": "5ms"}, "out": {}}
    assert (port(more, "a")["rate"]["ingress"], port(more, "a")["rate"]["egress"]) == (None, 6)
    assert port(more, "a")["vlan"]["access"] == 10
    assert port(changed, "a")["netem"]["in"] == {"loss": "1%"}
    assert edit.change_untrusted(more, "a", {"netem": None, "rate": None, "vlan": None}) == SPEC


def test_a_port_is_added_by_keys_with_dots() -> None:
    more = edit.add_untrusted(SPEC, {"name": "v", "netem.in.loss": "1%", "netem.out.delay": "5ms"})
    assert port(more, "v")["netem"] == {"in": {"loss": "1%"}, "out": {"delay": "5ms"}}


def test_another_kind_forgets_the_keys_of_the_old_one() -> None:
    changed = edit.change_untrusted(SPEC, "q", {"kind": "stream", "hostname": "qemu"})
    assert (port(changed, "q")["kind"], port(changed, "q")["hostname"]) == ("stream", "qemu")
    assert "remote" not in port(changed, "q")
    assert port(edit.change_untrusted(SPEC, "q", {"kind": None, "remote": None}), "q")["kind"] == "guest"
    back = edit.change_untrusted(changed, "q", {"kind": "dgram", "remote": "/q", "hostname": None})
    assert back == SPEC


@pytest.mark.parametrize(
    ("what", "message"),
    [
        (lambda: edit.add_untrusted(SPEC, {"name": "a"}), "there is a port 'a' already"),
        (lambda: edit.add_untrusted(SPEC, ["a"]), "ports[2]: ['a'] is not a table"),
        (lambda: edit.add_untrusted(SPEC, {"name": "x", "kind": "dgram"}), "the key remote is missing"),
        (lambda: edit.remove_untrusted(SPEC, "x"), "there is no port 'x'"),
        (lambda: edit.change_untrusted(SPEC, ["a"], {}), "there is no port ['a']"),
        (lambda: edit.change_untrusted(SPEC, "a", {"name": "b"}), "name does not change"),
        (lambda: edit.change_untrusted(SPEC, "a", {"remote": "/q"}), "ports[0]: no key 'remote'"),
        (lambda: edit.change_untrusted(SPEC, "a", {"kind": "gast"}), "ports[0].kind: no kind 'gast'"),
        (lambda: edit.change_untrusted(SPEC, "a", "b"), "changes: a map"),
        (lambda: edit.change_untrusted(SPEC, "q", {"remote": None}), "the key remote is missing"),
        (lambda: edit.change_untrusted(SPEC, "a", {"mac.b": 1}), "mac.b: mac is not a table, but '52:54:00:00:00:01'"),
        (lambda: edit.change_untrusted(SPEC, "a", {"vlan.acess": 1}), "ports[0].vlan: no key 'acess'"),
        (lambda: edit.change_untrusted(SPEC, "a", {"colour.dark": 1}), "ports[0]: no key 'colour'"),
        (lambda: _parse(("kind",)), "'kind' is not KEY=VALUE"),
        (lambda: _parse(("vlan={access=10",)), "vlan: '{access=10' is not TOML"),
        (lambda: _parse(("peers=[1,",)), "peers: '[1,' is not TOML"),
    ],
)
def test_what_is_wrong_is_named(what: Any, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        what()
    assert message in caught.value.message


def test_values_on_the_command_line() -> None:
    words = (
        "fd=5",
        "mac=52:54:00:00:00:01",
        "remote=/a b",
        "x=",
        "on=true",
        "list=[1, 2]",
        'text="5"',
        "time=10:20:30",
        "peer=[2001:db8::1]:5",
        "vlan={access = 10}",
        "netem.in.loss=1%",
    )
    assert _parse(words) == {
        "fd": 5,
        "mac": "52:54:00:00:00:01",
        "remote": "/a b",
        "x": None,
        "on": True,
        "list": [1, 2],
        "text": "5",
        "time": "10:20:30",
        "peer": "[2001:db8::1]:5",
        "vlan": {"access": 10},
        "netem.in.loss": "1%",
    }


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(
    values,
    st.sampled_from(["a", "q"]) | values,
    values | st.dictionaries(st.sampled_from(["kind", "mac", "vlan.access", "netem.in", "."]), values),
)
def test_anything_is_a_change_or_a_specification_error(added: object, name: object, changes: object) -> None:
    makers: list[Callable[[], Spec]] = [
        lambda: edit.add_untrusted(SPEC, added),
        lambda: edit.remove_untrusted(SPEC, name),
        lambda: edit.change_untrusted(SPEC, name, changes),
    ]
    for make in makers:
        try:
            spec = make()
        except SpecError:
            continue
        assert convert_untrusted(to_map(spec)) == spec
