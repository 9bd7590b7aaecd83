"""Warnings of cards that do not reach the gateway, and that the guide's example has none."""

import re
from pathlib import Path

import pytest

from tests.unit.config.helpers import cluster, parse
from vkd.config import parse_untrusted
from vkd.config.switchspec import switch_spec

GUIDE = Path(__file__).parents[3] / "docs/guide.md"
CARD = "[guests.a]\n[[guests.a.nics]]\nnetwork='lan'\n"


def warnings(text: str) -> list[tuple[int | None, str]]:
    return parse(text).warnings()


@pytest.mark.parametrize(
    "text",
    [
        "[guests.a]\n",
        "[networks.lan]\ngateway_vlan=10\n" + CARD + "vlan.access=10\n",
        "[networks.lan]\ngateway_vlan=10\n" + CARD + "vlan={native=10,allowed=[20]}\n",
        "[networks.lan]\ngateway=false\n" + CARD + "vlan.access=10\n",
        "[networks.lan]\n[[networks.lan.ports]]\nname='q'\nkind='bess'\n" + CARD + "vlan.access=10\nwire='q'\n",
    ],
)
def test_a_card_that_reaches_the_gateway_is_not_warned_of(text: str) -> None:
    assert warnings(text) == []


@pytest.mark.parametrize(
    ("text", "line", "parts"),
    [
        (
            "[networks.lan]\n" + CARD + "vlan={native=1,allowed=['10-20']}\n",
            5,
            [
                "guests.a.nics[0].vlan: the card's untagged frames are in VLAN 1, ",
                "the gateway of network 'lan' is in no VLAN: no ssh, DHCP",
                "networks.lan.gateway_vlan = 1 puts",
            ],
        ),
        ("[networks.lan]\ngateway_vlan=10\n" + CARD, 5, ["are in no VLAN", "is in VLAN 10", "vlan.access = 10 for"]),
        ("[networks.lan]\ngateway_vlan=10\n[guests.a]\n", 3, ["guests.a: ", "vlan.access = 10 for the card"]),
        ("[networks.lan]\ngateway_vlan=9\n" + CARD + "vlan.access=8\n", 6, ["VLAN 8, ", "VLAN 9", "gateway_vlan = 8"]),
        ("[networks.lan]\ngateway_vlan=9\n" + CARD + "vlan.allowed=[9]\n", 6, ["none that it may send", "`native`"]),
    ],
)
def test_a_card_that_does_not_is_told_with_the_key(text: str, line: int, parts: list[str]) -> None:
    ((at, told),) = warnings(text)
    assert at == line
    for part in parts:
        assert part in told


def test_ssh_is_lost_only_by_its_card() -> None:
    text = "[networks.lan]\n[networks.back]\n" + CARD + "[[guests.a.nics]]\nnetwork='back'\nvlan.access=5\n"
    ((_, told),) = warnings(text)
    assert "no DHCP, DNS or way out by this card" in told


def test_what_all_guests_inherit_is_told_once() -> None:
    text = "[networks.lan]\n[[defaults.nics]]\nnetwork='lan'\nvlan.access=5\n[guests.a]\n[guests.b]\n"
    assert len(warnings(text)) == 1


def test_the_guides_example_reaches_the_gateway_and_the_hosts_tap(tmp_path: Path) -> None:
    section = GUIDE.read_text().split("## The switch's own keys")[1]
    found = re.search(r"```toml\n(.*?)```", section, re.DOTALL)
    assert found is not None
    loaded = parse_untrusted(found[1], "guide.md", "guide", tmp_path)
    assert loaded.warnings() == []
    spec = switch_spec(loaded.cluster, "lan", {})
    guest, tap = spec["ports"]
    assert guest["vlan"]["native"] == tap["vlan"]["access"] == spec["gateway_vlan"]
    without = cluster(found[1].replace("gateway_vlan", "#"))
    assert "gateway_vlan" not in without.networks["lan"].switch
    assert len(warnings(found[1].replace("gateway_vlan", "#"))) == 1
