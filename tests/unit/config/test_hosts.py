"""A file for several hosts: each one's part of the cluster, and the tunnels between the parts."""

import base64
import itertools
from pathlib import Path
from typing import Any

import pytest

from tests.unit.config.helpers import FOLDER, parse
from vether import keys
from vether.config import convert_untrusted
from vkd.config import Cluster, diff, keep_addresses
from vkd.config.hosts import names_elsewhere
from vkd.config.problem import InvalidFileError
from vkd.config.switchspec import switch_spec
from vkd.errors import ConfigError

NAMES = ("one", "two", "three")
KEYS = {name: base64.b64encode(bytes([number + 1] * 32)).decode() for number, name in enumerate(NAMES)}
HOSTS = "".join(
    f"[hosts.{name}]\naddress = '192.0.2.{number + 1}'\npublic_key = '{KEYS[name]}'\n"
    for number, name in enumerate(NAMES)
)
BASE = f"""name = "lab"
{HOSTS}
[networks.lan]
[networks.dmz]
gateway = false
[defaults]
networks = ["lan"]
[guests.a]
host = "one"
[guests.b]
host = "two"
[guests.c]
host = "three"
networks = ["dmz"]
[guests.d]
host = "one"
networks = ["lan", "dmz"]
"""


def part(host: str, text: str = BASE) -> Cluster:
    return parse(text).at(host).cluster


def spec(host: str, network: str, text: str = BASE) -> dict[str, Any]:
    return switch_spec(part(host, text), network, {})


def problems(text: str) -> str:
    with pytest.raises(InvalidFileError) as caught:
        parse(text)
    return str(caught.value)


def test_a_part_has_the_hosts_guests_and_the_networks_that_reach_it() -> None:
    one, two, three = (part(name) for name in NAMES)
    assert [list(of.guests) for of in (one, two, three)] == [["a", "d"], ["b"], ["c"]]
    assert [list(of.networks) for of in (one, two, three)] == [["lan", "dmz"], ["lan"], ["dmz"]]
    assert {name: guest.host for name, guest in two.elsewhere.items()} == {"a": "one", "c": "three", "d": "one"}


def test_all_hosts_agree_on_addresses() -> None:
    whole = parse(BASE).cluster
    for name in NAMES:
        of = part(name)
        nics = {**{g.name: g.nics for g in of.guests.values()}, **{n: g.nics for n, g in of.elsewhere.items()}}
        assert nics == {guest.name: guest.nics for guest in whole.guests.values()}


def test_what_ran_before_does_not_move_addresses_where_others_have_the_file_too() -> None:
    edited = BASE.replace("[guests.a]", "[guests.first]\nhost = 'two'\n[guests.a]")
    assert keep_addresses(part("one"), part("one", edited)) == part("one", edited)


def test_each_network_is_a_full_mesh_of_the_hosts_that_are_on_it() -> None:
    lan, dmz = spec("one", "lan"), spec("one", "dmz")
    assert lan["peers"] == [{"name": "two", "public_key": KEYS["two"], "endpoint": "192.0.2.2:5870"}]
    assert dmz["peers"] == [{"name": "three", "public_key": KEYS["three"], "endpoint": "192.0.2.3:5871"}]
    assert (lan["tunnel"]["listen"], dmz["tunnel"]["listen"]) == ("0.0.0.0:5870", "0.0.0.0:5871")
    assert lan["tunnel"]["gateway"] is False
    for host, network in itertools.product(NAMES, ("lan", "dmz")):
        if network in part(host).networks:
            checked = convert_untrusted(spec(host, network))
            assert checked.tunnel is not None
            assert checked.tunnel.split_horizon


def test_networks_of_two_clusters_do_not_meet() -> None:
    def called(text: str) -> str:
        name: str = spec("one", "lan", text)["tunnel"]["network"]
        assert convert_untrusted(spec("one", "lan", text)).tunnel
        return name

    assert called(BASE) == "lab/lan"
    assert called(BASE.replace('"lab"', '"other"')) == "other/lan"
    long = [called(BASE.replace('"lab"', f'"{"x" * 62}{end}"')) for end in "ab"]
    assert len(long[0]) == 64
    assert long[0] != long[1]


def test_a_network_of_one_host_has_no_tunnel() -> None:
    text = BASE.replace('networks = ["dmz"]', 'networks = ["lan"]')
    assert "tunnel" not in part("one", text).networks["dmz"].switch
    assert [peer["name"] for peer in spec("one", "lan", text)["peers"]] == ["two", "three"]


def test_switches_know_the_guests_of_other_hosts() -> None:
    one = part("one")
    address = one.elsewhere["b"].nics[0].address
    assert names_elsewhere(one, "lan") == {"b": address}
    assert spec("one", "lan")["hosts"] == [{"name": "b", "address": address}]
    assert [port["name"] for port in spec("one", "lan")["ports"]] == ["a", "d.0"]


def test_a_further_port_is_where_its_host_is() -> None:
    text = BASE + "[[networks.lan.ports]]\nname='vde'\nkind='vde'\nhost='three'\n"
    text += "[[networks.dmz.ports]]\nname='every'\nkind='vde'\n"
    assert [port["name"] for port in spec("three", "lan", text)["ports"]] == ["vde"]
    assert "host" not in spec("three", "lan", text)["ports"][0]
    assert "vde" not in [port["name"] for port in spec("one", "lan", text)["ports"]]
    # It is a reason for a tunnel as a guest is.
    assert [peer["name"] for peer in spec("one", "lan", text)["peers"]] == ["two", "three"]
    assert list(part("two", text).networks) == ["lan", "dmz"]


def test_keys_of_a_host() -> None:
    text = BASE.replace("[hosts.two]", "[hosts.two]\nport = 7000\nkey = 'two.key'\nlisten = '192.0.2.9'")
    text = text.replace('name = "lab"', 'name = "lab"\npsk = "lab.psk"')
    tunnel = spec("two", "lan", text)["tunnel"]
    assert (tunnel["key"], tunnel["listen"]) == (str(FOLDER / "two.key"), "192.0.2.9:7000")
    peer = spec("one", "lan", text)["peers"][0]
    assert (peer["endpoint"], peer["psk"]) == ("192.0.2.2:7000", str(FOLDER / "lab.psk"))


def test_addresses_of_ipv6_and_hosts_without_one() -> None:
    text = BASE.replace("'192.0.2.2'", "'2001:db8::2'").replace("address = '192.0.2.1'\n", "")
    assert spec("one", "lan", text)["peers"][0]["endpoint"] == "[2001:db8::2]:5870"
    assert spec("one", "lan", text)["tunnel"]["listen"] == "[::]:5870"
    assert "endpoint" not in spec("two", "lan", text)["peers"][0]


def test_long_names_of_hosts_are_shortened() -> None:
    text = BASE.replace("hosts.two", f"hosts.{'t' * 60}").replace('"two"', f'"{"t" * 60}"')
    name = spec("one", "lan", text)["peers"][0]["name"]
    assert len(name) == 31


def test_guests_of_different_hosts_may_have_the_same_port_of_their_host() -> None:
    forward = BASE.replace("[guests.a]", "[guests.a]\nforwards=['8080:80']")
    assert parse(forward.replace("[guests.b]", "[guests.b]\nforwards=['8080:80']"))
    assert "leads to guest 'a' already" in problems(forward.replace("[guests.d]", "[guests.d]\nforwards=['8080:80']"))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('name = "lab"', "", "a cluster of several hosts needs a name of its own"),
        ('host = "two"', 'host = "tow"', "guests.b.host: there is no host 'tow'; did you mean 'two'?"),
        ('host = "two"', "", "guests.b: the key 'host' is missing; the hosts are: one, two, three"),
        ("[hosts.one]", "[hosts.one]\nport = 65535", "hosts.one.port: 65535 leaves no ports for 2 networks"),
        ("'192.0.2.2'", "'192.0.2.1'", "hosts.two.address: 192.0.2.1 with these UDP ports is host 'one' already"),
        (KEYS["two"], KEYS["one"], "hosts.two.public_key: it is the key of host 'one' already"),
        (KEYS["two"], "secret", "hosts.two.public_key: 'secret' is not allowed; allowed: 44 characters"),
        ("'192.0.2.2'", "'1.2.3'", "hosts.two.address: '1.2.3' is not allowed"),
        ("hosts.two]", "hosts.a]", "hosts.a: a guest has that name"),
        ("[networks.lan]", "[networks.lan]\ntunnel = { key = 'x' }", "networks.lan.tunnel: the tunnels between"),
        (
            "[networks.lan]",
            "[[networks.lan.ports]]\nname = 'x'\nhost = 'x'\n",
            "networks.lan.ports[0].host: there is no",
        ),
    ],
)
def test_mistakes(old: str, new: str, told: str) -> None:
    assert told in problems(BASE.replace(old, new))


@pytest.mark.parametrize(
    ("ports", "told"),
    [
        ("{name='x', kind='stream', mac='02:00:00:00:00:01'}", "ports[0].mac: each host has this port"),
        ("{name='x', kind='stream', address='10.77.0.99'}", "ports[0].address: each host has this port"),
        (
            "{name='x', kind='stream', host='one', mac='02:00:00:00:00:01'},"
            "{name='y', kind='stream', host='two', mac='02:00:00:00:00:01'}",
            "ports[1].mac: 02:00:00:00:00:01 is that of port 'x' on host 'one' already",
        ),
        (
            "{name='x', kind='stream', host='one', address='10.77.0.99'},"
            "{name='y', kind='stream', host='two', address='10.77.0.99'}",
            "ports[1].address: 10.77.0.99 is that of port 'x' on host 'one' already",
        ),
        (
            "{name='b', kind='stream', host='one', address='10.77.0.99'}",
            "ports[0].name: b is that of guest 'b' on host 'two' already",
        ),
    ],
)
def test_hosts_have_nothing_twice_between_them(ports: str, told: str) -> None:
    assert told in problems(BASE.replace("[networks.lan]", f"[networks.lan]\nports = [{ports}]"))


def test_one_of_two_hosts_needs_an_address() -> None:
    text = BASE.replace("address = '192.0.2.1'\n", "").replace("address = '192.0.2.2'\n", "")
    assert "hosts.two: neither it nor host 'one' has an address, and network 'lan' needs one" in problems(text)


def test_hosts_keys_without_hosts() -> None:
    assert "guests.a.host: there is no host 'x'" in problems("[guests.a]\nhost='x'")
    assert "psk: it is for tunnels" in problems("psk='x'\n[guests.a]")


def test_a_mistake_in_another_hosts_part_is_told_everywhere() -> None:
    told = problems(
        BASE + "[[networks.dmz.ports]]\nname='x'\nkind='vxlan'\nhost='three'\nvni=-1\npeers=['192.0.2.9']\n"
    )
    assert "networks.dmz.ports[0].vni: -1 is not between" in told


def test_a_host_that_comes_changes_the_switch_alone() -> None:
    changes = diff(part("one"), part("one", BASE + "[guests.e]\nhost='three'\n"))
    assert changes.changed_networks == {"lan": ("peers", "hosts")}
    assert not changes.changed


def test_an_unknown_host_is_refused() -> None:
    with pytest.raises(ConfigError, match="no host 'four'"):
        parse(BASE).at("four")
    with pytest.raises(ConfigError, match="no host 'one'") as caught:
        parse("[guests.a]").at("one")
    assert "no [hosts] at all" in (caught.value.hint or "")


def test_the_key_of_this_host_is_looked_at(tmp_path: Path) -> None:
    file = tmp_path / "one.key"
    text = BASE.replace("[hosts.one]", f"[hosts.one]\nkey = '{file}'")
    with pytest.raises(Exception, match="has no key") as caught:
        parse(text).at("one").check_key()
    assert f"vkd key {file}" in caught.value.hint  # type: ignore[attr-defined]
    public = keys.encode(keys.public(keys.generate(file)))
    with pytest.raises(InvalidFileError, match="is another one") as wrong:
        parse(text).at("one").check_key()
    assert public in str(wrong.value)
    right = text.replace(KEYS["one"], public)
    parse(right).at("one").check_key()
    secret = tmp_path / "lab.psk"
    with pytest.raises(ConfigError, match="cannot read the key") as missing:
        parse(f"psk = '{secret}'\n{right}").at("one").check_key()
    assert missing.value.hint == f"make one with: vether key --psk {secret}"
    parse(text).check_key()
