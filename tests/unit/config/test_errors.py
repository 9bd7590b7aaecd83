"""What a user is told about a wrong file: the line, what is wrong, what is allowed, all at once, exit code 2."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.config.helpers import FOLDER, parse
from vkd.config import load, parse_untrusted
from vkd.config.problem import InvalidFileError
from vkd.config.reference import toml
from vkd.errors import ConfigError

TWO = "[networks.lan]\n[networks.dmz]\n[guests.a]\n"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[guests.a]\ncpus = 0", 2, ["guests.a.cpus", "0 is not allowed", "from 1 to 64"]),
        ("[guests.a]\ncpus = 65", 2, ["65", "from 1 to 64"]),
        ("[guests.a]\ncpus = true", 2, ["true is not allowed", "from 1 to 64"]),
        ("[guests.a]\ncpus = '2'", 2, ["'2'", "from 1 to 64"]),
        ("[guests.a]\nmemory = '12X'", 2, ["'12X'", '"128M"']),
        ("[guests.a]\nmemory = false", 2, ["false", '"128M"']),
        ("[guests.a]\nnetwroks = []", 2, ["guests.a.netwroks", "no such key", "'networks'?"]),
        ("[guests.a]\nxyzzy = 1", 2, ["no such key", "cpus", "memory"]),
        ("[guest.a]", 1, ["guest", "did you mean 'guests'?"]),
        ("[guests.a]\nnetworks = ['lam']", 2, ["networks[0]", "no network 'lam'", "'lan'?"]),
        ("[guests.a]\nnetworks = ['wide']", 2, ["no network 'wide'", "allowed: lan"]),
        ("[defaults]\nnetworks = ['lam']\n[guests.a]", 2, ["defaults.networks[0]"]),
        ("[[guests.a.nics]]\nnetwork = 'lam'", 2, ["guests.a.nics[0].network", "no network 'lam'"]),
        ("[[guests.a.nics]]\naddress = '10.77.0.9'", 1, ["'network' is missing"]),
        (TWO, 3, ["several networks", "lan, dmz"]),
        ("[guests.a]\n\n[guests.b]\n[guests.a]", 4, ["two guests named 'a'"]),
        ("[guests.a]\ncpus = 1\ncpus = 2", 3, ["not valid TOML", "overwrite"]),
        ("[guests.a", 1, ["not valid TOML"]),
        ("[guests.A]", 1, ["guests.A", "host name"]),
        ("[guests.'a b']", 1, ['guests."a b"', "host name"]),
        ("[networks.lan]\nsubnet = '10.0.0.1/24'\n[guests.a]", 2, ["networks.lan.subnet", "/8 to /29"]),
        ("[networks.lan]\nmtu = 100\n[guests.a]", 2, ["from 576 to 65521"]),
        ("[[guests.a.nics]]\nnetwork='lan'\naddress='10.78.0.1'", 3, ["outside 10.77.0.0/24"]),
        ("[[guests.a.nics]]\nnetwork='lan'\naddress='10.77.0.1'", 3, ["gateway of network 'lan'"]),
        ("[[guests.a.nics]]\nnetwork='lan'\naddress='10.77.0.2'", 3, ["DNS of network 'lan'"]),
        ("[[guests.a.nics]]\nnetwork='lan'\naddress='10.77.0.255'", 3, ["broadcast"]),
        ("[guests.a]\nimage = 'tny'", 2, ["no image 'tny'", "tiny"]),
        ("[images.x]\nimage = 'y'\n[images.y]\nimage = 'x'\n[guests.a]\nimage = 'x'", 4, ["builds on itself"]),
        ("[guests.a]\nimage = 'none'", 2, ["nothing to boot"]),
        ("[guests.a]\nrestart = 'alwys'", 2, ["'alwys'", "'always'?"]),
        ("[guests.a.restart]\npolicy = 'never'", 2, ["guests.a.restart.policy", '"on-failure"']),
        ("[guests.a]\nboot_stall = '2 days'", 2, ["'2 days'", '"90s"']),
        ("[guests.a]\nforwards = ['80']", 2, ["forwards[0]", "8080:80"]),
        (
            "[guests.a]\nforwards = ['127.0.0.1:80:80']\n[guests.b]\nforwards = ['0.0.0.0:80:81']",
            4,
            ["127.0.0.1:80/tcp leads to guest 'a' already"],
        ),
        ("[guests.a]\nforwards = ['80:80']\n[guests.b]\nforwards = ['80:81']", 4, ["leads to guest 'a' already"]),
        ("[guests.a]\nnetworks = []\nforwards = ['80:80']", 3, ["need a network with a gateway"]),
        ("[guests.a]\nnetworks = []\nwait_for = 'ssh'", 3, ["ssh needs a network with a gateway"]),
        ("[guests.a]\nnetworks = []\nwait_for = 'link'", 3, ["no network card"]),
        ("[guests.a]\nnetworks = ['lan']\n[[guests.a.nics]]\nnetwork='lan'", 3, ["networks too"]),
        ("[guests.a.files]\n'etc/motd' = 'x'", 2, ["absolute path within the guest"]),
        ("[guests.a.files.'/x']\ncontent = 'x'\nsource = 'y'", 1, ["content or source, not both"]),
        ("[guests.a.env]\n'A B' = 'x'", 2, ["letters, digits and _"]),
        ("[guests.a]\ndisks = [{ readonly = true }]", 2, ["disks[0]", "'path' is missing"]),
        ("guests = 3", 1, ["3 is not allowed", "a table"]),
        ("", None, ["there is no guest", "[guests.a]"]),
    ],
)
def test_a_wrong_file_is_told_with_its_line(text: str, line: int | None, words: list[str]) -> None:
    with pytest.raises(InvalidFileError) as caught:
        parse(text)
    assert caught.value.exit_code == 2
    assert [found for found, _ in caught.value.problems] == [line]
    place = f"demo.toml:{line}: " if line else "demo.toml: "
    assert str(caught.value).startswith(place)
    for word in words:
        assert word in str(caught.value)


def test_everything_wrong_is_told_at_once_in_order() -> None:
    text = "[guests.a]\ncpus = 0\nmemroy = 1\n[guests.b]\nnetworks = ['x']\nwait_for = 'shh'\n[networks.lan]\nmtu = 1\n"
    with pytest.raises(InvalidFileError) as caught:
        parse(text)
    assert [line for line, _ in caught.value.problems] == [2, 3, 5, 6, 8]


def test_two_guests_with_one_address() -> None:
    nic = "[[guests.{}.nics]]\nnetwork = 'lan'\naddress = '10.77.0.20'\n"
    with pytest.raises(InvalidFileError) as caught:
        parse(nic.format("a") + nic.format("b"))
    assert str(caught.value) == "demo.toml:6: guests.b.nics[0].address: 10.77.0.20 is the address of guest 'a' already"


def test_two_guests_with_one_mac() -> None:
    nic = "[[guests.{}.nics]]\nnetwork = 'lan'\nmac = '02:00:00:00:00:01'\n"
    with pytest.raises(InvalidFileError, match=r"demo\.toml:6: .* is the MAC address of guest 'a' already"):
        parse(nic.format("a") + nic.format("b"))


def test_networks_that_overlap() -> None:
    text = "[networks.x]\nsubnet='10.0.0.0/16'\n[networks.y]\nsubnet='10.0.1.0/24'\n[guests.a]\nnetworks=[]"
    with pytest.raises(InvalidFileError, match=r"demo\.toml:4: .*overlaps 10\.0\.0\.0/16 of network 'x'"):
        parse(text)


def test_a_subnet_that_is_full() -> None:
    guests = "".join(f"[guests.g{number}]\n" for number in range(5))
    with pytest.raises(InvalidFileError, match=r":7: guests\.g4: no address of 10\.0\.0\.0/29 is left; use a larger"):
        parse("[networks.lan]\nsubnet = '10.0.0.0/29'\n" + guests)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="directory"):
        load(tmp_path)
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"name = 'x'\n\xff")
    with pytest.raises(InvalidFileError, match=r"binary\.toml:2: the file is not UTF-8"):
        load(binary)
    binary.write_bytes(b"#" * (1 << 20) + b"\n")
    with pytest.raises(ConfigError, match="longer than"):
        load(binary)


@pytest.mark.parametrize(
    "text",
    ["a = " + "[" * 5000, "a = " + "9" * 5000, "a = 2001-99-99", "a" + ".a" * 3000 + " = 1", "\0", "a = '\ud800'"],
)
def test_what_tomllib_chokes_on(text: str) -> None:
    with pytest.raises(ConfigError):
        parse(text)


@given(st.text(alphabet="guests.ab=[]{}'\"\\#, \n\t1nks", max_size=80) | st.text())
def test_any_text_is_a_cluster_or_a_config_error(text: str) -> None:
    with suppress(ConfigError):
        assert parse_untrusted(text, "x", "x", FOLDER).cluster.guests


KEYS = """guests networks defaults images a lan cpus memory nics network address subnet disks disk path size restart
policy ssh user files /x source env image kernel forwards wait_for name run mac delay mode firmware gateway domain
hosts host public_key port listen psk ports kind tunnel peers vlan netem capture mirror static stp"""
VALUES = f"lan tiny none a b tap vxlan 128M 10.77.0.10 10.0.0.0/29 always 80:80 ssh /x 0644 ~x/y {'A' * 43}= \0"
known = st.sampled_from(KEYS.split())
odd = st.sampled_from(VALUES.split())
trees = st.recursive(
    odd | st.integers() | st.booleans() | st.floats() | st.text(st.characters(codec="utf-8"), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(known, inner, max_size=5),
    max_leaves=20,
)
guests = st.dictionaries(known, trees, max_size=6)
hosts = st.fixed_dictionaries(
    {"public_key": st.just(f"{'A' * 43}=") | st.just(f"B{'A' * 42}=")}, optional={"port": trees}
)


@settings(max_examples=300)
@given(
    st.fixed_dictionaries(
        {"guests": st.dictionaries(st.sampled_from(["a", "b"]), guests, min_size=1)},
        optional={
            "name": st.just("lab"),
            "defaults": guests | st.fixed_dictionaries({"host": st.sampled_from(["b", "lan"])}),
            "images": st.dictionaries(st.sampled_from(["x", "tiny"]), guests),
            "hosts": st.dictionaries(st.sampled_from(["b", "lan"]), hosts),
        },
    )
    | st.dictionaries(known, trees, max_size=4)
)
def test_any_document_is_a_cluster_or_a_config_error(document: dict[str, object]) -> None:
    text = "\n".join(f"{toml(key)} = {_plain(value)}" for key, value in document.items())
    with suppress(ConfigError):
        loaded = parse_untrusted(text, "x", "x", FOLDER)
        assert loaded.cluster.guests
        for host in loaded.hosts.by_name:
            assert loaded.at(host).cluster.host == host


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(key)} = {_plain(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_plain, value)) + "]"
    if isinstance(value, float):
        return str(value).replace("e", ".0e" if "." not in str(value) else "e")
    return toml(value).replace("\x7f", "\\u007f")
