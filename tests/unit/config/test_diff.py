"""What an edited file changes, and that addresses do not move for nothing."""

import msgspec
import pytest

from tests.unit.config.helpers import cluster
from vkd.config import Changes, GuestChange, diff, keep_addresses

BASE = "[networks.lan]\nsubnet='10.0.0.0/24'\n[guests.a]\n[guests.b]\n"


def test_a_new_cluster_is_all_added() -> None:
    changes = diff(None, cluster(BASE))
    assert changes == Changes(added=("a", "b"), added_networks=("lan",))
    assert not changes.nothing


def test_the_same_file_changes_nothing() -> None:
    assert diff(cluster(BASE), cluster("# a comment\n" + BASE)).nothing


@pytest.mark.parametrize(
    ("keys", "named", "restart"),
    [
        ("memory='64M'", ("memory",), True),
        ("cpus=2\nappend='x'", ("append", "cpus"), True),
        ("restart='always'", ("restart",), False),
        ("forwards=['80:80']\nwait_for='link'", ("forwards", "wait_for"), False),
        ("forwards=['80:80']\nenv={A='x'}", ("forwards", "env"), True),
    ],
)
def test_what_of_a_guest_needs_a_restart(keys: str, named: tuple[str, ...], restart: bool) -> None:
    changes = diff(cluster(BASE), cluster(BASE + keys))
    assert changes == Changes(changed={"b": GuestChange(keys=named, restart=restart)})


def test_guests_and_networks_that_come_and_go() -> None:
    new = cluster("[networks.wan]\nsubnet='10.1.0.0/24'\n[guests.b]\n[guests.c]")
    changes = diff(cluster(BASE), new)
    assert (changes.added, changes.removed) == (("c",), ("a",))
    assert (changes.added_networks, changes.removed_networks) == (("wan",), ("lan",))
    assert changes.changed == {"b": GuestChange(keys=("nics",), restart=True)}


def test_a_changed_network_restarts_the_guests_on_it() -> None:
    rest = "[networks.x]\n[guests.a]\nnetworks=['lan']\n[guests.b]\nnetworks=['x']\n"
    old = cluster("[networks.lan]\nmtu=1500\n" + rest)
    new = cluster("[networks.lan]\nmtu=9000\n" + rest)
    changes = diff(old, new)
    assert changes.changed_networks == {"lan": ("mtu",)}
    assert changes.changed == {"a": GuestChange(keys=("lan.mtu",), restart=True)}


def test_running_guests_keep_their_addresses() -> None:
    old = cluster(BASE)
    new = keep_addresses(old, cluster("[networks.lan]\nsubnet='10.0.0.0/24'\n[guests.first]\n[guests.b]\n[guests.a]"))
    addresses = {name: guest.nics[0].address for name, guest in new.guests.items()}
    assert addresses == {"first": "10.0.0.12", "b": "10.0.0.11", "a": "10.0.0.10"}
    assert diff(old, new) == Changes(added=("first",))
    assert keep_addresses(None, new) is new


def test_an_address_that_the_file_gives_away_is_not_kept() -> None:
    new = cluster(BASE + "[[guests.c.nics]]\nnetwork='lan'\naddress='10.0.0.10'")
    kept = keep_addresses(cluster(BASE), new)
    addresses = {name: guest.nics[0].address for name, guest in kept.guests.items()}
    assert addresses == {"a": "10.0.0.12", "b": "10.0.0.11", "c": "10.0.0.10"}


def test_a_new_subnet_gives_new_addresses() -> None:
    new = cluster(BASE.replace("10.0.0.0", "10.9.0.0"))
    assert keep_addresses(cluster(BASE), new) == new


def test_changes_cross_the_control_socket() -> None:
    changes = diff(cluster(BASE), cluster(BASE + "cpus=2"))
    assert msgspec.convert(msgspec.to_builtins(changes), Changes) == changes
