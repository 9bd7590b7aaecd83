"""Ports of all kinds that change, come and go while the switch runs, and after it was killed."""

import json
import os
import subprocess

from tests.vether import peers
from tests.vether.foreign import C, carrier, exchange, spec
from tests.vether.lab import EVERYBODY, Lab, frame, ports, until


def test_a_port_changes_its_kind_and_back(lab: Lab) -> None:
    lab.start(spec({"name": "x", "kind": "vde"}))
    a = lab.connect("a")
    for kind in ("bess", "vde", "stream", "vde", "guest"):
        answer = lab.call("apply", spec=spec({"name": "x", "kind": kind}))
        assert answer["changed"] == ["port x: changed"]
        assert lab.port("x")["kind"] == kind
    exchange(a, lab.connect("x"))


def test_what_a_switch_left_that_was_killed_is_in_nobodys_way(lab: Lab) -> None:
    kinds = ("vde", "bess", "guest", "vde")
    for kind in kinds:
        lab.start(spec({"name": "x", "kind": kind}))
        assert lab.port("x")["kind"] == kind
        assert lab.process is not None
        lab.process.kill()
        lab.end()
    lab.start(spec({"name": "x", "kind": "stream"}))
    exchange(lab.connect("a"), peers.stream(lab.dir / "ports" / "x"))
    assert lab.end() == 0
    assert not list(lab.dir.iterdir())


def test_show_ports_has_all_kinds_for_people(lab: Lab) -> None:
    lab.start(spec({"name": "v", "kind": "vde"}, {"name": "d", "kind": "dgram", "remote": "/nonexistent"}))
    client = peers.Vde(lab.dir / "ports" / "v", os.fsencode(lab.folder / "one"), more=b"me")
    shown: subprocess.CompletedProcess[str] = lab.command("show", "ports", "--dir", str(lab.dir))
    assert [line.split()[0] for line in shown.stdout.splitlines()] == ["name", "a", "v", "d", "v.1"]
    assert " me " in shown.stdout.splitlines()[-1]
    client.close()


def test_single_ports_come_change_and_go_while_frames_flow(lab: Lab) -> None:
    lab.start(ports("a", "b"))
    a, b = lab.connect("a"), lab.connect("b")
    at = ("--dir", str(lab.dir))

    def vether(*words: str) -> str:
        exchange(a, b)
        done = lab.command(words[0], *at, *words[1:])
        assert done.returncode == 0, done.stderr
        exchange(a, b)
        return done.stdout

    assert vether("add", "x", "kind=bess") == "port x: added\n"
    first = peers.bess(lab.dir / "ports" / "x")
    until("carrier", lambda: carrier(lab, "x"))
    assert vether("set", "x", "mac=52:54:00:00:00:05") == "port x: changed\n"
    assert (carrier(lab, "x"), lab.port("x")["mac"]) == (True, "52:54:00:00:00:05")
    assert vether("set", "x", "rate.ingress=8000000", "rate.egress=9000000") == "port x: changed\n"
    assert vether("set", "x", "rate.ingress=") == "port x: changed\n"
    rate = next(port for port in lab.call("show", what="spec")["ports"] if port["name"] == "x")["rate"]
    assert (rate["ingress"], rate["egress"]) == (None, 9000000)
    assert vether("set", "x", "kind=stream", "mac=", "rate=") == "port x: changed\n"
    assert (lab.port("x")["kind"], lab.port("x")["mac"]) == ("stream", None)
    while first.receive():
        pass  # what was flooded to it; then its end
    exchange(a, peers.stream(lab.dir / "ports" / "x"), address=C)
    assert b.receive() == frame(EVERYBODY, C)
    assert json.loads(lab.command("del", *at, "x", "--json").stdout)["changed"] == ["port x: removed"]
    exchange(a, b)
    for words, code, text in (
        (("del", "x"), 2, "there is no port 'x'"),
        (("add", "a"), 2, "there is a port 'a' already"),
        (("add", "y", "kind=gast"), 2, "did you mean 'guest'?"),
        (("add", "y", "kind=fd", "fd=99"), 1, "no descriptor 99 was inherited"),
    ):
        done = lab.command(words[0], *at, *words[1:])
        assert (done.returncode, text in done.stderr) == (code, True), done.stderr
    assert [row["name"] for row in lab.call("show", what="ports")] == ["a", "b"]
