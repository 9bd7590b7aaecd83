"""Keys of the switch in a cluster file, changed while guests run."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.lab import Lab, open_lab, wait_for
from vether.control.client import Client
from vkd.images import Image

GUESTS = """
[guests.a]

[guests.b]

[[guests.b.nics]]
network = "lan"
"""

PLUG = b"\x02\0\0\0\0\x77"


@pytest.fixture(scope="module")
def lan(image: Image) -> Iterator[Lab]:
    with open_lab() as lab:
        lab.write("[networks.lan]\n" + GUESTS)
        lab.vkd("up")
        yield lab


class Before:
    """What must be the same after a live change: guests and switch run on, and no guest has rebooted."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._known = self._look()

    def _look(self) -> tuple[dict[str, int], int, list[int]]:
        rows = self._lab.rows()
        pids = {name: row["pid"] for name, row in rows.items()}
        return pids, self._lab.pid_of("vether", "serve"), [row["restarts"] for row in rows.values()]

    def check(self) -> None:
        assert self._look() == self._known


def up(lab: Lab, text: str, said: str) -> None:
    """Edit the file, check what `up` says it would do, and do it; nothing restarts."""
    before = Before(lab)
    lab.write(text)
    assert lab.vkd("up", "--dry-run").out == said
    lab.vkd("up")
    assert lab.vkd("up", "--dry-run").out == "nothing to change\n"
    before.check()


def ping(lab: Lab, count: int = 3) -> list[float]:
    """Return the round-trip times in milliseconds of pings from a to b that were answered."""
    out = lab.vkd("ssh", "a", "--", f"ping -c {count} -W 2 b", code=None).out
    return [float(time) for time in re.findall(r"time=([\d.]+) ms", out)]


def folder(lab: Lab) -> Path:
    """Return the runtime folder of the switch."""
    return lab.runtime / "lab" / "@lan"


def show(lab: Lab, what: str) -> Any:
    with Client(folder(lab) / "ctl") as client:
        return client.call("show", what=what)


def test_an_impairment_and_a_capture_come_and_go(lan: Lab) -> None:
    assert len(ping(lan)) == 3
    impaired = "[networks.lan]\nageing = 60\n" + GUESTS + 'netem.out = { delay = "150ms" }\ncapture.file = "b.pcapng"\n'
    up(lan, impaired, "~ network lan: ageing\n~ guest b: nics[0].netem, nics[0].capture\n")
    times = ping(lan)
    assert len(times) == 3
    assert min(times) > 150
    assert (show(lan, "spec")["ageing"], show(lan, "netem")[0]["port"]) == (60, "b")
    wait_for(lambda: (lan.folder / "b.pcapng").stat().st_size > 500, lambda: show(lan, "captures"))
    up(lan, "[networks.lan]\n" + GUESTS, "~ network lan: ageing\n~ guest b: nics[0].netem, nics[0].capture\n")
    assert min(ping(lan)) < 150
    assert show(lan, "captures") == []


def test_vlans_part_guests_that_run(lan: Lab) -> None:
    nics = (
        '[[guests.a.nics]]\nnetwork = "lan"\nvlan.access = 10\n[[guests.b.nics]]\nnetwork = "lan"\nvlan.access = {}\n'
    )
    together = "[networks.lan]\ngateway_vlan = 10\n" + nics.format(10)
    up(lan, together, "~ network lan: gateway_vlan\n~ guest a: nics[0].vlan\n~ guest b: nics[0].vlan\n")
    assert len(ping(lan)) == 3
    up(lan, "[networks.lan]\ngateway_vlan = 10\n" + nics.format(20), "~ guest b: nics[0].vlan\n")
    assert ping(lan) == []
    assert {row["vlan"]: row["untagged"] for row in show(lan, "vlans")} == {10: "a, gateway", 20: "b"}
    back = "~ network lan: gateway_vlan\n~ guest a: nics[0].vlan\n~ guest b: nics[0].vlan\n"
    up(lan, "[networks.lan]\n" + GUESTS, back)
    assert len(ping(lan)) == 3


def test_a_further_port_comes_and_goes(lan: Lab) -> None:
    port = '[networks.lan]\n[[networks.lan.ports]]\nname = "plug"\nkind = "bess"\n'
    up(lan, port + GUESTS, "~ network lan: ports.plug\n")
    guest = lan.row("a")["addresses"][0]
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)) as plug:
        plug.settimeout(20)
        plug.connect(str(folder(lan) / "ports" / "plug"))
        addresses = socket.inet_aton("10.77.0.99"), socket.inet_aton(guest)
        arp = struct.pack("!HHBBH6s4s6s4s", 1, 0x800, 6, 4, 1, PLUG, addresses[0], bytes(6), addresses[1])
        plug.send((b"\xff" * 6 + PLUG + b"\x08\x06" + arp).ljust(60, b"\0"))
        answer = plug.recv(2000)
        while answer[:6] != PLUG:  # whatever is flooded meanwhile
            answer = plug.recv(2000)
        assert answer[28:32] == addresses[1]
    up(lan, "[networks.lan]\n" + GUESTS, "~ network lan: ports.plug\n")
    assert not (folder(lan) / "ports" / "plug").exists()


def test_what_the_switch_cannot_do_is_told_and_all_goes_on(lan: Lab) -> None:
    before = Before(lan)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        port = f'[networks.lan]\n[[networks.lan.ports]]\nname = "q"\nkind = "stream"\nlisten = "{place}"\n'
        lan.write(port + GUESTS)
        for _ in range(2):
            done = lan.vkd("up", code=1)
            assert f"network lan: the switch refuses apply: port q cannot listen at {place}" in done.err
            assert "another program has it; take another port" in done.err
    assert len(ping(lan)) == 3
    lan.vkd("up")
    assert "q" in [row["name"] for row in show(lan, "ports")]
    up(lan, "[networks.lan]\n" + GUESTS, "~ network lan: ports.q\n")
    before.check()


def test_validate_tells_mistakes_where_they_are(lan: Lab) -> None:
    path = lan.write("[networks.lan]\nageing = 0\n" + GUESTS + "vlan.access = 4095\n", "bad.toml")
    done = lan.vkd("validate", str(path), "--json", code=2)
    assert [(problem["line"], problem["text"].split(":")[0]) for problem in json.loads(done.out)["problems"]] == [
        (2, "networks.lan.ageing"),
        (10, "guests.b.nics[0].vlan.access"),
    ]


def test_the_guides_example_boots(image: Image) -> None:
    section = (Path(__file__).parents[2] / "docs/guide.md").read_text().split("## The switch's own keys")[1]
    found = re.search(r"```toml\n(.*?)```", section, re.DOTALL)
    assert found is not None
    # A TAP takes a right that not every machine gives; the rest is as it stands there.
    text = re.sub(r"^(device|host_addresses) = .*\n", "", found[1], flags=re.MULTILINE).replace('"tap"', '"bess"')
    with open_lab() as lab:
        lab.write(text)
        lab.vkd("up")
        assert lab.vkd("ssh", "web", "--", "hostname").out == "web\n"
        assert (lab.folder / "web.pcapng").stat().st_size > 0
