"""How guests' cards and a switch's ports are named."""

from pathlib import Path

from vkd.config.load import parse_untrusted
from vkd.config.switchspec import port_name, switch_spec


def test_a_port_has_its_guests_name_but_never_the_switchs_own() -> None:
    text = '[networks.x]\n[networks.y]\n[guests.a]\nnetworks = ["x"]\n[guests.gateway]\nnetworks = ["x"]\n'
    text += '[guests.two]\nnetworks = ["x", "y"]\n'
    guests = parse_untrusted(text, "t.toml", "t", Path("/")).cluster.guests
    assert port_name(guests["a"], 0) == "a"
    assert port_name(guests["gateway"], 0) == "gateway.0"
    assert [port_name(guests["two"], number) for number in range(2)] == ["two.0", "two.1"]


def test_a_switch_leads_to_the_hosts_loopback_only_where_the_file_says_so() -> None:
    text = '[networks.x]\n[networks.y]\nhost_loopback = true\n[guests.a]\nnetworks = ["x", "y"]\n'
    cluster = parse_untrusted(text, "t.toml", "t", Path("/")).cluster
    assert [switch_spec(cluster, name, {})["host_loopback"] for name in ("x", "y")] == [False, True]
