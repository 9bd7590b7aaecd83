"""Keys of the switch in a cluster file: vether checks them, and the file's own places are told."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.config.helpers import FOLDER, cluster, parse
from vether.config import Spec, convert_untrusted
from vether.ports import PortSpec
from vkd.config import Cluster, GuestChange, diff, load
from vkd.config.passed import PORT_KEYS, SWITCH_KEYS
from vkd.config.problem import InvalidFileError
from vkd.config.switchspec import switch_spec
from vkd.errors import ConfigError, ImageError

GUESTS = "[guests.a]\n[guests.b]\n[[guests.b.nics]]\nnetwork='lan'\n"
PORTS = "[[networks.lan.ports]]\nname='site'\nkind='vxlan'\nvni=42\npeers=['192.0.2.2']\n"


def problems(text: str) -> list[str]:
    with pytest.raises(InvalidFileError) as caught:
        parse(text)
    return [told for _, told in caught.value.problems]


def test_the_names_are_vethers() -> None:
    ours = {"name", "subnet", "gateway", "gateway_address", "dns_address", "host_loopback", "domain", "mtu"}
    assert set(Spec.__struct_fields__) - ours - {"forwards", "hosts"} == set(SWITCH_KEYS)
    assert set(PortSpec.__struct_fields__) - {"name", "mac", "address", "hostname"} == set(PORT_KEYS)


def test_what_the_file_says_is_what_the_switch_gets() -> None:
    text = "[networks.lan]\nageing=60\nstp={}\nsnooping='prune'\n" + PORTS + GUESTS
    text += "vlan={allowed=[10,'20-30'],native=1}\nnetem.in={loss='1%'}\nstatic=[{mac='02:00:00:00:00:09'}]\n"
    spec = convert_untrusted(switch_spec(cluster(text), "lan", {"a": 2222}))
    assert (spec.ageing, spec.snooping) == (60, "prune")
    assert spec.stp is not None
    assert [(port.tag(), port.name) for port in spec.ports] == [("guest", "a"), ("guest", "b"), ("vxlan", "site")]
    assert spec.ports[1].vlan is not None
    assert spec.ports[1].vlan.vids() == [10, *range(20, 31)]
    assert spec.ports[1].address == "10.77.0.11"


def test_files_are_seen_from_the_cluster_files_folder() -> None:
    text = "[networks.lan]\ntunnel={key='lan.key'}\n[[networks.lan.peers]]\nname='far'\npsk='sub/psk'\n"
    text += f"public_key='{'A' * 43}='\n[[networks.lan.ports]]\nname='q'\nkind='dgram'\nremote='q.sock'\n"
    text += "[networks.lan.ports.capture]\nfile='q.pcapng'\n" + GUESTS + "capture.file='/var/b.pcapng'\n"
    made = cluster(text)
    switch = made.networks["lan"].switch
    assert switch["tunnel"]["key"] == str(FOLDER / "lan.key")
    assert switch["peers"][0]["psk"] == str(FOLDER / "sub/psk")
    assert switch["ports"][0]["remote"] == str(FOLDER / "q.sock")
    assert switch["ports"][0]["capture"]["file"] == str(FOLDER / "q.pcapng")
    assert made.guests["b"].nics[0].port == {"capture": {"file": "/var/b.pcapng"}}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[networks.lan]\nageing=0\n" + GUESTS, "networks.lan.ageing: 0.0 is not between 1 and 86400 seconds"),
        ("[networks.lan]\nagein=3\n" + GUESTS, "networks.lan.agein: there is no such key; did you mean 'ageing'?"),
        ("[networks.lan]\nstp={prio=1}\n" + GUESTS, "networks.lan.stp: no key 'prio'; did you mean 'priority'?"),
        (
            "[networks.lan]\nports=3\n" + GUESTS,
            "networks.lan.ports: 3 is not allowed; allowed: a list of tables",
        ),
        (PORTS.replace("42", "-1") + GUESTS, "networks.lan.ports[0].vni: -1 is not between 0 and 16777215"),
        (PORTS.replace("vni", "vnii") + GUESTS, "networks.lan.ports[0]: no key 'vnii'; did you mean 'vni'?"),
        (
            PORTS.replace("vxlan", "vxlam") + GUESTS,
            "networks.lan.ports[0].kind: no kind 'vxlam'; did you mean 'vxlan'?",
        ),
        (PORTS.replace("site", "a") + GUESTS, "networks.lan.ports[0].name: there is a port 'a' already"),
        (PORTS + "mac='02:00:00:00:00:01'\n" + GUESTS + "mac='02:00:00:00:00:01'\n", "is guests.b.nics[0]'s already"),
        (PORTS + "mirror={to='x'}\n" + GUESTS, "networks.lan.ports[0].mirror.to: there is no port 'x'"),
        ("[[networks.lan.ports]]\nname='f'\nkind='fd'\nfd=" + "9" * 30 + "\n" + GUESTS, "networks.lan"),
        (
            "[networks.lan]\n" + GUESTS + "vlan={access=5000}\n",
            "guests.b.nics[0].vlan.access: 5000 is not a whole number",
        ),
        ("[networks.lan]\n" + GUESTS + "wire='c'\n", "guests.b.nics[0].wire: there is no port 'c'"),
        (
            "[networks.lan]\n" + GUESTS + "netem={in={loss='x'}}\n",
            "guests.b.nics[0].netem.in: loss: 'x' is not",
        ),
        ("[networks.lan]\n" + GUESTS + "kind='tap'\n", "guests.b.nics[0].kind: there is no such key"),
        (
            "[networks.lan]\n[defaults]\n[[defaults.nics]]\nnetwork='lan'\nmac_limit=0\n[guests.a]\n[guests.b]\n",
            "defaults.nics[0].mac_limit: 0 is not a whole number from 1 to 1048576",
        ),
    ],
)
def test_mistakes_are_told_where_the_file_has_them(text: str, told: str) -> None:
    found = problems(text)
    assert len(found) == 1
    assert told in found[0]


def test_all_mistakes_of_one_card_are_told_at_once() -> None:
    text = "[networks.lan]\nsubnet='10.1.0.0/24'\n" + GUESTS
    text += "mac='x'\naddress='10.9.0.1'\nvlan={access=5000}\nnetem={in={loss='x'}}\n"
    places = {told.split(": ")[0].removeprefix("guests.b.nics[0].") for told in problems(text)}
    assert places == {"mac", "address", "vlan.access", "netem.in"}


def test_a_port_without_a_name_is_told_once() -> None:
    assert [told.split(" (")[0] for told in problems("[[networks.lan.ports]]\nkind='vxlan'\n" + GUESTS)] == [
        "networks.lan.ports[0]: the keys name, vni, peers are missing"
    ]


def test_ports_that_are_no_list_are_told_what_they_are() -> None:
    (told,) = problems("[networks.lan]\nports='host'\n" + GUESTS)
    assert "networks.lan.ports: 'host' is not allowed; allowed: a list of tables" in told


def test_all_mistakes_are_told_at_once() -> None:
    text = "[networks.lan]\nageing=0\nsnooping='x'\n" + PORTS.replace("42", "-1")
    text += PORTS.replace("site", "two").replace("192.0.2.2", "x") + GUESTS
    text += "vlan={access=0}\nrate={ingress=-1}\n[networks.wan]\nloop={interval=0}\n"
    places = {told.split(": ")[0] for told in problems(text)}
    assert places == {
        *(
            "networks.lan.ageing",
            "networks.lan.snooping",
            "networks.lan.ports[0].vni",
            "networks.lan.ports[1].peers[0]",
        ),
        *("guests.b.nics[0].vlan.access", "guests.b.nics[0].rate.ingress", "networks.wan.loop.interval", "guests.a"),
    }


def test_other_mistakes_do_not_hide_these() -> None:
    assert {told.split(": ")[0] for told in problems("[networks.lan]\nageing=0\nmtu=1\n" + GUESTS)} == {
        "networks.lan.ageing",
        "networks.lan.mtu",
    }


def test_the_line_is_told() -> None:
    with pytest.raises(InvalidFileError) as caught:
        parse(PORTS.replace("42", "-1") + GUESTS)
    assert caught.value.problems[0][0] == 4


@pytest.mark.parametrize(
    ("old", "new", "networks", "guests"),
    [
        ("", "[networks.lan]\nageing=9\n", {"lan": ("ageing",)}, {}),
        ("[networks.lan]\nhost_loopback=true\n", "", {"lan": ("host_loopback",)}, {}),
        ("", PORTS, {"lan": ("ports.site",)}, {}),
        (PORTS, PORTS.replace("42", "43"), {"lan": ("ports.site",)}, {}),
        (PORTS, PORTS.replace("site", "x"), {"lan": ("ports.x", "ports.site")}, {}),
        ("[networks.lan]\nmtu=9000\n", "", {"lan": ("mtu",)}, dict.fromkeys("ab", (("lan.mtu",), True))),
    ],
)
def test_what_changes(old: str, new: str, networks: object, guests: dict[str, tuple[tuple[str, ...], bool]]) -> None:
    plain = "[guests.a]\n[guests.b]\n"
    changes = diff(cluster(old + plain), cluster(new + plain))
    assert changes.changed_networks == networks
    assert changes.changed == {name: GuestChange(keys=keys, restart=live) for name, (keys, live) in guests.items()}


def test_a_cards_port_changes_while_its_guest_runs() -> None:
    old = cluster("[networks.lan]\n" + GUESTS + "vlan={access=1}\n")
    new = cluster("[networks.lan]\n" + GUESTS + "netem.in={loss='1%'}\n")
    assert diff(old, new).changed == {"b": GuestChange(keys=("nics[0].netem", "nics[0].vlan"), restart=False)}
    moved = cluster("[networks.lan]\n" + GUESTS + "vlan={access=1}\nmac='02:00:00:00:00:07'\n")
    assert diff(old, moved).changed == {"b": GuestChange(keys=("nics",), restart=True)}


def test_a_cluster_crosses_the_control_socket() -> None:
    made = cluster("[networks.lan]\nstp={}\n" + PORTS + GUESTS + "static=[{mac='02:00:00:00:00:09'}]\n")
    assert msgspec.convert(msgspec.to_builtins(made), Cluster) == made


VALUES = st.recursive(
    st.sampled_from(["true", "-1", "0", "1e400", "nan", "'x'", "'lan.key'", "1979-05-27", "99999999999999999999999"]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]"),
        st.dictionaries(
            st.sampled_from(["name", "kind", "key", "in", "to", "file", "host", "remote", "peers", "psk", "mac"]), inner
        ).map(lambda table: "{" + ",".join(f"{key}={value}" for key, value in table.items()) + "}"),
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(SWITCH_KEYS), VALUES), st.dictionaries(st.sampled_from(PORT_KEYS), VALUES))
def test_whatever_the_keys_hold_there_are_problems_or_a_specification(
    network: dict[str, str], card: dict[str, str]
) -> None:
    text = "[networks.lan]\n" + "".join(f"{key}={value}\n" for key, value in network.items())
    text += GUESTS + "".join(f"{key}={value}\n" for key, value in card.items())
    try:
        made = cluster(text)
    except ConfigError:
        return
    convert_untrusted(switch_spec(made, "lan", {}))


def test_a_tunnel_without_its_key_is_told_before_anything_starts(tmp_path: Path) -> None:
    path = tmp_path / "lab.toml"
    path.write_text("[networks.lan]\ntunnel.key = 'lan.key'\n[guests.a]\n")
    with pytest.raises(ImageError, match=r"lab\.toml:2: networks\.lan\.tunnel\.key: there is no file .*vether key"):
        load(path).check_files()
    (tmp_path / "lan.key").touch()
    load(path).check_files()
