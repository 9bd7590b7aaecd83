"""From a file to a cluster: defaults, inheritance, addresses, paths."""

from pathlib import Path

import msgspec
import pytest

from tests.unit.config.helpers import cluster, parse
from vkd.config import Cluster, Disk, GuestFile, Restart, load
from vkd.config.layers import BUILTIN_IMAGES
from vkd.errors import ImageError
from vkd.images import NAMES


def test_the_shortest_file_is_complete() -> None:
    demo = cluster("[guests.a]")
    assert demo.name == "demo"
    assert demo.networks["lan"].subnet == "10.77.0.0/24"
    assert (demo.networks["lan"].gateway_address, demo.networks["lan"].dns_address) == ("10.77.0.1", "10.77.0.2")
    assert demo.networks["lan"].domain == "demo.vkd"
    guest = demo.guests["a"]
    assert (guest.image, guest.kernel, guest.firmware, guest.cpus, guest.memory) == (
        "tiny",
        None,
        "builtin",
        1,
        128 << 20,
    )
    assert (guest.wait_for, guest.boot_stall, guest.stop_timeout) == ("ssh", 60.0, 30.0)
    assert [nic.address for nic in guest.nics] == ["10.77.0.10"]
    assert guest.restart == Restart(policy="no", max_retries=5, delay=1.0, max_delay=60.0, reset_after=60.0)


def test_without_cards_there_is_no_network_that_nobody_asked_for() -> None:
    assert cluster("[guests.a]\nnetworks=[]").networks == {}
    assert list(cluster("[networks.x]\n[guests.a]\nnetworks=[]").networks) == ["x"]


def test_a_cluster_crosses_the_control_socket_unchanged() -> None:
    demo = cluster(
        "[guests.a]\ndisk='x'\nforwards=['1:1']\n[guests.a.files]\n'/m'='x'\n[guests.b]\nimage='none'\nkernel='k'"
    )
    builtins = msgspec.msgpack.decode(msgspec.msgpack.encode(msgspec.to_builtins(demo)))
    assert msgspec.convert(builtins, Cluster) == demo


def test_the_built_in_images_are_those_that_can_be_made() -> None:
    assert BUILTIN_IMAGES == NAMES


def test_guests_inherit_from_defaults_and_images() -> None:
    demo = cluster("""
        [defaults]
        memory = "64M"
        cpus = 2
        env = { A = "defaults", B = "defaults" }
        disks = ["defaults.img"]
        restart = "always"
        [images.base]
        cpus = 3
        env = { B = "base", C = "base" }
        files = { "/f" = { source = "f" }, "/g" = "base" }
        [images.web]
        image = "base"
        disks = ["web.img"]
        restart.delay = "2s"
        [guests.plain]
        [guests.web]
        image = "web"
        env = { C = "own" }
        files = { "/f" = "own" }
    """)
    plain, web = demo.guests["plain"], demo.guests["web"]
    assert (plain.memory, plain.cpus, plain.image) == (64 << 20, 2, "tiny")
    assert (web.memory, web.cpus, web.image) == (64 << 20, 3, "tiny")
    assert web.env == {"A": "defaults", "B": "base", "C": "own"}
    assert [disk.path for disk in web.disks] == ["/clusters/web.img"]
    assert (web.restart.policy, web.restart.delay) == ("always", 2.0)
    assert web.files["/f"] == GuestFile(content="own", source=None, mode=0o644)
    assert web.files["/g"].content == "base"


def test_a_guest_that_names_networks_overrides_cards_of_the_defaults() -> None:
    demo = cluster("[networks.x]\n[networks.y]\n[[defaults.nics]]\nnetwork='x'\n[guests.a]\n[guests.b]\nnetworks=['y']")
    assert [nic.network for nic in demo.guests["a"].nics] == ["x"]
    assert [nic.network for nic in demo.guests["b"].nics] == ["y"]


def test_paths_are_seen_from_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/u")
    guest = cluster(
        "[guests.a]\nkernel='../Image'\nfirmware='fw'\ndisk='/abs.img'\ndisks=[{path='d', size='1G', readonly=true}]\n"
        "ssh={authorized_keys=['~/key.pub']}"
    ).guests["a"]
    assert (guest.kernel, guest.firmware, guest.image) == ("/Image", "/clusters/fw", None)
    assert guest.disks == (Disk(path="/abs.img"), Disk(path="/clusters/d", readonly=True, size=1 << 30))
    assert guest.ssh.authorized_keys == ("/home/u/key.pub",)


@pytest.mark.parametrize(
    ("keys", "stage"),
    [
        ("", "ssh"),
        ("networks=[]", "init"),
        ("networks=['closed']", "link"),
        ("kernel='k'", "kernel"),
        ("kernel='k'\nimage='tiny'", "ssh"),
        ("wait_for='none'", "none"),
    ],
)
def test_what_a_guest_waits_for(keys: str, stage: str) -> None:
    networks = "[networks.closed]\ngateway=false\n" if "closed" in keys else ""
    assert cluster(f"{networks}[guests.a]\n{keys}").guests["a"].wait_for == stage


def test_subnets_are_chosen_around_those_given() -> None:
    demo = cluster(
        "[networks.x]\n[networks.y]\nsubnet='10.77.0.0/23'\n[networks.z]\n[defaults]\nnetworks=[]\n[guests.a]"
    )
    assert [network.subnet for network in demo.networks.values()] == ["10.77.2.0/24", "10.77.0.0/23", "10.77.3.0/24"]


def test_addresses_are_the_lowest_free_and_leave_out_those_given() -> None:
    demo = cluster("[guests.a]\n[guests.b]\n[[guests.c.nics]]\nnetwork='lan'\naddress='10.77.0.10'\n")
    addresses = {name: guest.nics[0].address for name, guest in demo.guests.items()}
    assert addresses == {"a": "10.77.0.11", "b": "10.77.0.12", "c": "10.77.0.10"}


def test_macs_come_from_names_alone() -> None:
    first = cluster("[guests.a]\n[guests.b]")
    second = cluster("[guests.z]\n[guests.b]\nmemory='64M'\n[guests.a]\ncpus=4")
    for name in ("a", "b"):
        assert first.guests[name].nics[0].mac == second.guests[name].nics[0].mac
    macs = {guest.nics[0].mac for guest in (*first.guests.values(), *second.guests.values())}
    assert len(macs) == 3
    assert all(mac.startswith("02:") for mac in macs)


def test_the_name_of_a_cluster_is_that_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "My Lab_2.toml"
    path.write_text("[guests.a]\n")
    assert load(path).cluster.name == "my-lab-2"
    (tmp_path / "Two").mkdir()
    common = tmp_path / "Two/cluster.toml"
    common.write_text("[guests.a]\n")
    assert load(common).cluster.name == "two"


def test_missing_files_are_told_with_their_lines(tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    path = tmp_path / "c.toml"
    path.write_text(
        "[defaults]\nkernel='there'\ninitrd='gone'\n[guests.a]\ndisks=['there', {path='made', size=4096}, 'no']"
    )
    with pytest.raises(ImageError) as caught:
        load(path).check_files()
    assert str(caught.value).splitlines() == [
        f"{path}:3: defaults.initrd: there is no file {tmp_path}/gone",
        f"{path}:5: guests.a.disks[2]: there is no file {tmp_path}/no",
    ]
    assert caught.value.exit_code == 1


def test_origins_lead_to_the_layer_that_decides() -> None:
    merged = parse("[defaults]\nmemory='64M'\nrestart='always'\n[guests.a]\nrestart.delay=1").merged["a"]
    assert merged.origin("memory") == ("defaults", "memory")
    assert merged.origin("restart", "delay") == ("guests", "a", "restart", "delay")
    assert merged.origin("restart", "policy") == ("defaults", "restart")
    assert merged.origin("cpus") == ("guests", "a")
