"""`vether monitor` and `vether flush` on a real daemon: what happens is told, and stalled readers hold nobody up."""

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.vether.following import check, following
from tests.vether.lab import EVERYBODY, PATIENCE, Lab, frame, mac, ports, until
from vether.control.client import Client


@contextlib.contextmanager
def command(lab: Lab, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    program = [sys.executable, "-m", "vether", "monitor", "--dir", str(lab.dir), *arguments]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_ports_carriers_and_addresses_are_told(lab: Lab) -> None:
    lab.start(ports("a", "b", ageing=1.0))
    with following(lab) as monitor:
        a, b = lab.connect("a"), lab.connect("b")
        monitor.until("carrier-up", port="b")
        a.send(frame(EVERYBODY, mac(1)))
        learned = monitor.until("address-learned", mac="02:00:00:00:00:01")
        assert (learned["port"], learned["vlan"]) == ("a", 0)
        assert "from" not in learned
        b.send(frame(EVERYBODY, mac(1)))
        moved = monitor.until("address-moved")
        assert (moved["mac"], moved["port"], moved["from"]) == ("02:00:00:00:00:01", "b", "a")
        monitor.until("address-aged", mac="02:00:00:00:00:01", port="b")
        a.close()
        monitor.until("carrier-down", port="a")
        lab.call("add", port={"name": "c"})
        assert monitor.until("spec-applied")["changed"] == ["port c: added"]
        monitor.until("port-added", port="c", kind="guest")
        lab.call("set", name="b", changes={"isolated": True})
        assert monitor.until("port-changed")["keys"] == ["isolated"]
        lab.call("del", name="c")
        monitor.until("port-removed", port="c")
        check(monitor.seen)


def test_limits_impairments_captures_and_flushes_are_told(lab: Lab) -> None:
    spec = ports("a", "b")
    spec["ports"][0]["mac_limit"] = 1
    lab.start(spec)
    with following(lab) as monitor:
        a = lab.connect("a")
        for number in range(4):
            a.send(frame(EVERYBODY, mac(number + 1)))
        assert monitor.until("address-limit", port="a")["frames"] == 3
        lab.call("netem", port="b", direction="in", set={"loss": "1%"})
        assert monitor.until("netem")["settings"] == {"loss": "1%"}
        lab.call("netem", port="b", clear=True)
        assert monitor.until("netem")["settings"] == {}
        capture = Client(lab.dir / "ctl", timeout=PATIENCE)
        next(capture.stream("capture", ports=["a"]))
        monitor.until("capture-started", ports="a")
        capture.close()
        monitor.until("capture-ended", ports="a")
        flushed = lab.command("flush", "--dir", str(lab.dir), "--port", "a", "--json")
        assert json.loads(flushed.stdout) == {"what": "addresses", "count": 1}
        assert monitor.until("flushed")["count"] == 1
        a.send(frame(EVERYBODY, mac(2)))
        monitor.until("address-learned", mac="02:00:00:00:00:02")
        check(monitor.seen)


def test_flush_counts_and_refuses(lab: Lab) -> None:
    lab.start(ports("a", "b"))
    a = lab.connect("a")
    for number in range(3):
        a.send(frame(EVERYBODY, mac(number + 1)))
    until("learning", lambda: len(lab.call("show", what="fdb")) == 3)
    folder = ("--dir", str(lab.dir))
    one = lab.command("flush", *folder, "--mac", "02:00:00:00:00:02", "--vlan", "0")
    assert (one.returncode, one.stdout) == (0, "addresses forgotten: 1\n")
    assert lab.command("flush", *folder).stdout == "addresses forgotten: 2\n"
    assert lab.command("flush", *folder, "--groups").stdout == "groups forgotten: 0\n"
    wrong = lab.command("flush", *folder, "--port", "x")
    assert (wrong.returncode, "no port 'x'" in wrong.stderr) == (2, True)
    assert lab.command("flush", *folder, "--vlan", "4095").returncode == 2
    assert lab.command("flush").returncode == 2
    assert lab.command("flush", "no-such-network").returncode == 3


def test_loops_and_spanning_tree_are_told(lab: Lab) -> None:
    lab.start(ports("a", loop={"interval": 0.1, "hold": 1}))
    with following(lab) as monitor:
        a = lab.connect("a")
        probe = a.receive()
        a.send(probe)
        assert "probe came back" in monitor.until("loop-found", port="a")["reason"]
        monitor.until("loop-cleared", port="a")
        lab.call("apply", spec=ports("a", stp={}))
        monitor.until("stp-role", port="a", role="designated")
        states = [event["state"] for event in monitor.seen if event["event"] == "stp-state"]
        assert states[-1] == "forwarding"


def test_the_command_prints_lines_until_it_is_interrupted(lab: Lab) -> None:
    lab.start(ports("a"))
    with command(lab) as process:
        assert process.stdout is not None
        begin = json.loads(process.stdout.readline())
        assert lab.process is not None
        assert (begin["event"], begin["network"], begin["pid"]) == ("begin", "lan", lab.process.pid)
        lab.connect("a")
        up = json.loads(process.stdout.readline())
        assert (up["event"], up["port"], up["seq"]) == ("carrier-up", "a", begin["seq"] + 1)
        process.send_signal(signal.SIGINT)
        assert (process.wait(PATIENCE), process.stdout.read()) == (0, "")


def test_the_command_ends_with_the_daemon_and_says_so(lab: Lab) -> None:
    lab.start(ports("a"))
    with command(lab, "--text") as process:
        assert process.stdout is not None
        assert " begin network=lan " in process.stdout.readline()
        lab.end()
        assert process.stdout.read().endswith(' end reason="asked to stop"\n')
        assert process.wait(PATIENCE) == 0
    lab.start(ports("a"))
    with command(lab) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        lab.end(signal.SIGKILL)
        assert process.wait(PATIENCE) == 1
        assert "closed the connection" in process.stderr.read()
        assert "Traceback" not in process.stderr.read()


def test_a_reader_that_stalls_is_told_what_it_lost_and_others_lose_nothing(lab: Lab) -> None:
    lab.start(ports("a", "b"))
    with following(lab) as stalled, following(lab) as quick:
        # Its socket holds some hundreds, and its queue has an end; all of them may come at once.
        for count in range(1900):
            address = f"02:00:00:00:{count >> 8:02x}:{count & 255:02x}"
            lab.call("flush", mac=address)
            quick.until("flushed", mac=address)
        assert "lost" not in quick.names()
        lab.call("netem", port="a", direction="out", set={"delay": "1ms"})
        quick.until("netem", port="a", direction="out")
        lost = stalled.until("lost")
        assert lost["count"] > 0
        if stalled.seen[-1]["seq"] < quick.seen[-1]["seq"]:
            stalled.until("netem", direction="out")
        check(stalled.seen)
        check(quick.seen)
        assert stalled.seen[-1]["seq"] == quick.seen[-1]["seq"]


def test_a_flood_of_addresses_is_bounded_and_counted(lab: Lab) -> None:
    lab.start(ports("a"))
    with following(lab) as monitor:
        a = lab.connect("a")
        for number in range(20000):
            a.send(frame(EVERYBODY, b"\x02\x00\x00" + number.to_bytes(3, "big")))
        assert monitor.until("lost")["count"] > 0
        lab.call("add", port={"name": "b"})
        monitor.until("port-added", port="b")
        check(monitor.seen)
        # All addresses were learned, told or not.
        learned = monitor.names().count("address-learned")
        lost = sum(event["count"] for event in monitor.seen if event["event"] == "lost")
        assert learned + lost >= lab.call("show", what="stats")["fdb"]["entries"] - 1000
        assert learned < 2000


@pytest.mark.parametrize("how", ["closes", "hangs up"])
def test_followers_that_leave_cost_nothing_afterwards(lab: Lab, how: str) -> None:
    lab.start(ports("a"))
    for _ in range(20):
        with Client(lab.dir / "ctl", timeout=PATIENCE) as client:
            stream = client.stream("monitor")
            next(stream)
            if how == "hangs up":
                client.hang_up()
                with pytest.raises(StopIteration) as end:
                    next(stream)
                assert end.value.value == {"events": 1, "lost": 0}
    with following(lab) as monitor:
        lab.connect("a")
        monitor.until("carrier-up", port="a")
    assert "failed" not in (lab.dir / "log").read_text()
