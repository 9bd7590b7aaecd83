"""Ports that VDE's programs come to (`vde`): each client has one of its own, and lying ones disturb nobody."""

import contextlib
import os
import resource
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.vether import peers
from tests.vether.foreign import B, C, carrier, exchange, spec
from tests.vether.lab import EVERYBODY, Lab, frame, ports, until
from vether.control import ControlError


def test_clients_of_vde_get_ports_of_their_own_while_they_stay(lab: Lab) -> None:
    lab.start(spec({"name": "v", "kind": "vde", "split_horizon": 0}))
    a, folder = lab.connect("a"), lab.dir / "ports" / "v"
    first = peers.Vde(folder, os.fsencode(lab.folder / "one"), more=b"a friend\n")
    second = peers.Vde(folder, b"\0\x12\x34\0uml", more=bytes(2))
    third = peers.Vde(folder, os.fsencode(lab.folder / "three"), kind=7 << 8 | 1)
    rows = {port["name"]: port for port in lab.call("show", what="ports")}
    assert list(rows) == ["a", "v", "v.1", "v.2", "v.7"]
    assert [rows[name]["kind"] for name in rows] == ["guest", "vde", "vde", "vde", "vde"]
    assert (rows["v.1"]["peer"], rows["v.2"]["peer"]) == ("a friend", "")
    assert [rows[name]["carrier"] for name in rows] == [True, False, True, True, True]
    third.close()
    until("removal", lambda: "v.7" not in lab.call("show", what="stats")["ports"])
    exchange(a, first)
    assert second.receive() == frame(EVERYBODY, B)
    exchange(second, first)
    assert a.receive() == frame(EVERYBODY, B)
    lab.call("apply", spec=spec({"name": "v", "kind": "vde", "split_horizon": 5}))
    first.send(frame(C, B))
    assert a.receive() == frame(C, B)
    second.socket.settimeout(0.1)
    with contextlib.suppress(TimeoutError):
        assert second.receive() == b"nothing"
    first.close()
    until("removal", lambda: [row["name"] for row in lab.call("show", what="ports")] == ["a", "v", "v.2"])
    late = peers.Vde(folder, os.fsencode(lab.folder / "late"))
    late.send(frame(EVERYBODY, B))
    assert a.receive() == frame(EVERYBODY, B)
    assert sorted(path.name for path in folder.iterdir()) == sorted({"ctl", second.data.name, late.data.name})
    lab.call("apply", spec=ports("a"))
    assert [row["name"] for row in lab.call("show", what="ports")] == ["a"]
    assert late.control.recv(10) == b""
    assert not folder.exists()


BAD = {
    "magic": peers.request(b"/tmp/x", magic=0xFEEDFACF),
    "version": peers.request(b"/tmp/x", version=2),
    "kind": peers.request(b"/tmp/x", kind=2),
    "family": peers.request(b"/tmp/x")[:12] + b"\x02" + peers.request(b"/tmp/x")[13:],
    "nowhere": peers.request(b"/nonexistent/x"),
    "unnamed": peers.request(b""),
    "text": b"GET / HTTP/1.1\r\n\r\n",
    "half": peers.request(b"/tmp/x")[:60],
}


def expect(lab: Lab, what: str, count: int) -> None:
    until(f"counter of {what}", lambda: lab.stats("v")["drops"]["bad-request"] == count)


def test_requests_out_of_specification_are_counted_and_disturb_nobody(lab: Lab) -> None:
    lab.start(spec({"name": "v", "kind": "vde"}))
    a, folder = lab.connect("a"), lab.dir / "ports" / "v"
    good = peers.Vde(folder, os.fsencode(lab.folder / "one"))
    for count, (what, data) in enumerate(BAD.items(), 1):
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(str(folder / "ctl"))
            control.settimeout(5)
            control.sendall(data)
            control.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                assert control.recv(200) == b"", what
        expect(lab, what, count)
    # Those who connect and say nothing do not keep others out, nor do they cost more than a few descriptors.
    silent = [socket.socket(socket.AF_UNIX) for _ in range(100)]
    for one in silent:
        one.connect(str(folder / "ctl"))
    late = peers.Vde(folder, os.fsencode(lab.folder / "late"))
    exchange(a, good)
    assert late.receive() == frame(EVERYBODY, B)
    exchange(a, late, address=C)
    assert lab.process is not None
    assert len(list(Path(f"/proc/{lab.process.pid}/fd").iterdir())) < 90
    for one in silent:
        one.close()
    assert good.receive() == frame(EVERYBODY, C)
    exchange(a, good)


def test_without_descriptors_those_who_come_wait_and_those_who_are_there_go_on(lab: Lab) -> None:
    lab.start(spec({"name": "v", "kind": "vde"}, {"name": "x", "kind": "stream"}))
    assert lab.process is not None
    a, good = lab.connect("a"), peers.Vde(lab.dir / "ports" / "v", os.fsencode(lab.folder / "one"))
    _, hard = before = resource.prlimit(lab.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(lab.process.pid, resource.RLIMIT_NOFILE, (3, hard))
    late = socket.socket(socket.AF_UNIX)
    late.connect(str(lab.dir / "ports" / "x"))
    with ThreadPoolExecutor() as pool:
        client = pool.submit(peers.Vde, lab.dir / "ports" / "v", os.fsencode(lab.folder / "two"))
        exchange(a, good)
        assert not client.done()
        resource.prlimit(lab.process.pid, resource.RLIMIT_NOFILE, before)
        exchange(a, client.result(), address=C)
    assert good.receive() == frame(EVERYBODY, C)
    exchange(a, good)
    until("carrier", lambda: carrier(lab, "x"))
    client.result().close()


def test_a_port_that_would_be_called_as_a_client_is_refused(lab: Lab) -> None:
    lab.start(spec({"name": "v", "kind": "vde"}))
    client = peers.Vde(lab.dir / "ports" / "v", os.fsencode(lab.folder / "one"))
    until("the client", lambda: len(lab.call("show", what="ports")) == 3)
    with pytest.raises(ControlError, match=r"cannot open port v\.1: there is a port v\.1 already"):
        lab.call("add", port={"name": "v.1"})
    exchange(lab.connect("a"), client)
    client.close()
    until("removal", lambda: len(lab.call("show", what="ports")) == 2)
    lab.call("add", port={"name": "v.1"})
    other = peers.Vde(lab.dir / "ports" / "v", os.fsencode(lab.folder / "two"), kind=1 << 8)
    until("the client", lambda: [r["name"] for r in lab.call("show", what="ports")] == ["a", "v", "v.1", "v.2"])
    other.close()
