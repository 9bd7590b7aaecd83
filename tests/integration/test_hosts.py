"""One cluster on two hosts: two daemons of this machine, with folders of their own, at two addresses of loopback."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.lab import Lab, open_lab, wait_for
from vether.control.client import Client
from vkd.images import Image

ADDRESSES = {"one": "127.0.0.1", "two": "127.0.0.2"}


class World:
    """Both hosts, and the file that they have."""

    def __init__(self, labs: dict[str, Lab]) -> None:
        self.labs = labs
        self.one, self.two = labs["one"], labs["two"]
        self.keys = {name: lab.vkd("key", "host.key").out.strip() for name, lab in labs.items()}
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.one.folder / "login"], check=True)
        for name in ("login", "login.pub"):
            (self.two.folder / name).write_bytes((self.one.folder / name).read_bytes())
        self.port = _free_port()

    def write(self, more: str = "") -> None:
        """Write the file, with `more` at its end, on both hosts."""
        text = 'name = "lab"\n'
        for name, address in ADDRESSES.items():
            text += f'[hosts.{name}]\naddress = "{address}"\nlisten = "{address}"\nport = {self.port}\n'
            text += f'key = "host.key"\npublic_key = "{self.keys[name]}"\n'
        text += '[defaults]\nssh.authorized_keys = ["login.pub"]\n[defaults.files]\n'
        text += '"/root/.ssh/id_ed25519" = { source = "login", mode = "0600" }\n'
        text += '[networks.lan]\nmtu = 9000\n[guests.web]\nhost = "one"\n[guests.db]\nhost = "two"\n'
        for lab in self.labs.values():
            lab.write(text + more)

    def up(self, host: str) -> str:
        return self.labs[host].vkd("up", "--host", host).out


def _free_port() -> int:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as two,
    ):
        one.bind((ADDRESSES["one"], 0))
        port = int(one.getsockname()[1])
        two.bind((ADDRESSES["two"], port))
        return port


def _show(lab: Lab, what: str) -> list[dict[str, object]]:
    (control,) = Path(lab.runtime).rglob("@lan/ctl")
    with Client(control) as client:
        rows: list[dict[str, object]] = client.call("show", what=what)
    return rows


@pytest.fixture(scope="module")
def world(image: Image) -> Iterator[World]:
    with open_lab() as one, open_lab() as two:
        world = World({"one": one, "two": two})
        world.write()
        assert "ready: web" in world.up("one")
        assert "ready: db" in world.up("two")
        # What a switch may do before its tunnel is up, a guest's ping may not.
        wait_for(lambda: all(_show(lab, "peers")[0]["up"] for lab in (one, two)), lambda: _show(one, "peers"))
        yield world


def test_each_host_has_its_part(world: World) -> None:
    assert (list(world.one.rows()), list(world.two.rows())) == (["web"], ["db"])
    assert world.one.row("web")["addresses"] == ["10.77.0.10"]
    assert world.two.row("db")["addresses"] == ["10.77.0.11"]
    done = world.one.vkd("ssh", "db", code=3)
    assert "guest 'db' of lab runs on host 'two'" in done.err
    done = world.one.vkd("up", code=2)
    assert "is none of them" in done.err
    done = world.one.vkd("up", "--host", "two", code=2)
    assert "hosts.two.public_key: the key of this host" in done.err


def test_a_guest_logs_in_to_one_of_the_other_host(world: World) -> None:
    assert world.one.ssh("web", "ssh -y root@db hostname") == "db"
    assert world.two.ssh("db", "ssh -y root@web hostname") == "web"


def test_guests_find_each_other_by_name_and_with_long_packets(world: World) -> None:
    assert " 0% packet loss" in world.one.ssh("web", "ping -c 3 -s 8900 db")
    assert "10.77.0.11" in world.one.ssh("web", "nslookup db.lab.vkd")
    assert "10.77.0.10" in world.two.ssh("db", "nslookup web")


def test_each_guest_has_its_own_hosts_gateway(world: World) -> None:
    for lab, guest, other in ((world.one, "web", "two"), (world.two, "db", "one")):
        assert " 0% packet loss" in lab.ssh(guest, "ping -c 3 gateway")
        places = {row["mac"]: row["port"] for row in _show(lab, "fdb")}
        assert places["52:55:0a:4d:00:01"] == "gateway"
        assert other in places.values()


def test_a_guest_that_comes_is_known_on_both_hosts(world: World) -> None:
    pids = world.one.pids() | world.two.pids()
    world.write('[guests.cache]\nhost = "two"\n')
    assert "~ network lan: hosts\n" in world.one.vkd("up", "--dry-run", "--host", "one").out
    world.up("one")
    assert "ready: db, cache" in world.up("two")
    assert " 0% packet loss" in world.one.ssh("web", "ping -c 3 cache.lab.vkd")
    assert pids.items() <= (world.one.pids() | world.two.pids()).items()
    world.write()
    world.up("two")
    world.up("one")
    assert list(world.two.rows()) == ["db"]


def test_a_host_that_goes_and_comes_back(world: World) -> None:
    before = world.one.pids()
    world.two.vkd("down")
    wait_for(lambda: not _show(world.one, "peers")[0]["up"], lambda: _show(world.one, "peers"))
    assert " 0% packet loss" in world.one.ssh("web", "ping -c 3 gateway")
    world.up("two")
    wait_for(lambda: _show(world.one, "peers")[0]["up"], lambda: _show(world.one, "peers"))
    # Its host key is a new one.
    assert world.one.ssh("web", "ssh -y -y root@db hostname") == "db"
    assert world.one.pids() == before
