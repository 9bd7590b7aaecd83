"""The daemon: frames between guests, specifications applied live, crashes, garbage, clean ends."""

import json
import os
import signal
import socket
from pathlib import Path

import pytest

from tests.vether.lab import EVERYBODY, Guest, Lab, frame, mac, ports, until
from vether.control import ControlError

A, B = mac(1), mac(2)


def test_guests_exchange_frames_and_flooding_ends(lab: Lab) -> None:
    lab.start(ports("a", "b", "c"))
    a, b, c = (lab.connect(name) for name in "abc")
    a.send(frame(EVERYBODY, A))
    assert b.receive() == c.receive() == frame(EVERYBODY, A)
    b.send(frame(A, B))
    assert a.receive() == frame(A, B)
    a.send(frame(B, A, bytes(60000)))
    assert b.receive() == frame(B, A, bytes(60000))
    assert c.is_silent()
    fdb = {row["mac"]: row for row in lab.call("show", what="fdb")}
    assert fdb["02:00:00:00:00:01"]["port"] == "a"
    assert not fdb["02:00:00:00:00:02"]["static"]
    assert lab.stats("b") | {"drops": None} == {
        "rx_frames": 1,
        "rx_bytes": 21,
        "tx_frames": 2,
        "tx_bytes": 21 + 60014,
        "flooded": 0,
        "drops": None,
    }


def test_an_address_that_is_silent_is_flooded_again(lab: Lab) -> None:
    lab.start(ports("a", "b", "c", ageing=1.0))
    a, b, c = (lab.connect(name) for name in "abc")
    b.send(frame(EVERYBODY, B))
    assert a.receive() == c.receive() == frame(EVERYBODY, B)
    a.send(frame(B, A))
    assert b.receive() == frame(B, A)
    assert c.is_silent()
    until("ageing", lambda: not lab.call("show", what="fdb"))
    a.send(frame(B, A))
    assert c.receive() == frame(B, A)


def test_a_reader_that_stalls_loses_only_its_own_frames(lab: Lab) -> None:
    lab.start(ports("a", "b", "c"))
    a, b, c = (lab.connect(name) for name in "abc")
    for guest, address in ((b, B), (c, mac(3))):
        guest.send(frame(EVERYBODY, address))
    until("learning", lambda: len(lab.call("show", what="fdb")) == 2)
    assert [a.receive(), a.receive(), c.receive()]
    for number in range(3000):
        payload = number.to_bytes(4, "big") + bytes(996)
        a.send(frame(B, A, payload))
        a.send(frame(mac(3), A, payload))
        assert c.receive() == frame(mac(3), A, payload)
    drops = lab.stats("b")["drops"]
    assert drops["queue-full"] > 0
    assert sum(lab.stats("c")["drops"].values()) == 0


def test_a_segment_is_cut_only_for_those_who_want_it_so(lab: Lab) -> None:
    lab.start(ports("a", "b", "c"))
    a, b, c = (lab.connect(name) for name in "abc")
    b.socket.send(b"VETH" + (15).to_bytes(4, "little"))
    until("offloads", lambda: lab.port("b")["offloads"] == 15)
    payload = os.urandom(64000)
    header = bytes([1, 1, 54, 0]) + (1448).to_bytes(2, "little") + bytes([34, 0, 16, 0, 0, 0])
    ip = (
        bytes.fromhex("4500")
        + (40 + len(payload)).to_bytes(2, "big")
        + bytes.fromhex("00010000400600000a0000010a000002")
    )
    tcp = bytes.fromhex("00010002000000030000000450100100") + bytes(4)
    segment = EVERYBODY + A + b"\x08\x00" + ip + tcp + payload
    a.send(segment, header)
    assert b.socket.recv(70000) == header + segment
    pieces = [c.receive() for _ in range(45)]
    assert b"".join(piece[54:] for piece in pieces) == payload
    assert max(map(len, pieces)) == 54 + 1448


def test_apply_changes_what_differs_and_nothing_else(lab: Lab) -> None:
    lab.start(ports("a", "b"))
    a, b = lab.connect("a"), lab.connect("b")
    assert lab.call("apply", spec=ports("a", "b")) == {"changed": [], "forwards": []}
    answer = lab.call("apply", spec=ports("a", "c"))
    assert answer["changed"] == ["port b: removed", "port c: added"]
    assert b.socket.recv(100) == b""
    c = lab.connect("c")
    a.send(frame(EVERYBODY, A))
    assert c.receive() == frame(EVERYBODY, A)
    assert [port["name"] for port in lab.call("show", what="spec")["ports"]] == ["a", "c"]
    assert not (lab.dir / "ports" / "b").exists()


def test_a_wrong_specification_changes_nothing(lab: Lab) -> None:
    lab.start(ports("a"))
    with pytest.raises(ControlError, match=r"ports\[1\]\.mac: 'x' is not a unicast address") as caught:
        lab.call("apply", spec={"name": "lan", "gateway": False, "ports": [{"name": "b"}, {"name": "c", "mac": "x"}]})
    assert caught.value.code == "invalid"
    with pytest.raises(ControlError, match="no key 'portz'"):
        lab.call("apply", spec={"name": "lan", "portz": []})
    with pytest.raises(ControlError, match="cannot show 7"):
        lab.call("show", what=7)
    assert [port["name"] for port in lab.call("show", what="ports")] == ["a"]


def test_a_killed_daemon_leaves_sockets_that_the_next_takes_over(lab: Lab) -> None:
    lab.start(ports("a", "b"))
    a, b = lab.connect("a"), lab.connect("b")
    lab.end(signal.SIGKILL)
    assert (lab.dir / "ports" / "a").exists()
    assert a.socket.recv(100) == b.socket.recv(100) == b""
    lab.start(ports("a", "b"))
    a, b = lab.connect("a"), lab.connect("b")
    a.send(frame(EVERYBODY, A))
    assert b.receive() == frame(EVERYBODY, A)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(lab: Lab, number: signal.Signals) -> None:
    lab.dir.mkdir(mode=0o700)
    lab.start(ports("a"))
    lab.connect("a")
    assert (lab.dir / "ctl").stat().st_mode & 0o777 == 0o600
    assert (lab.dir / "ports" / "a").stat().st_mode & 0o777 == 0o600
    assert lab.end(number) == 0
    assert list(lab.dir.iterdir()) == []


def test_stop_is_answered_and_obeyed(lab: Lab) -> None:
    lab.start(ports("a"))
    assert lab.command("stop", "--dir", str(lab.dir)).returncode == 0
    assert lab.process is not None
    assert lab.process.wait(10) == 0
    assert not lab.dir.exists()
    assert lab.command("stop", "--dir", str(lab.dir)).returncode == 3


def test_a_second_daemon_is_refused(lab: Lab) -> None:
    lab.start(ports("a"))
    assert lab.process is not None
    a = lab.connect("a")
    second = lab.spawn(ports("a"))
    _, errors = second.communicate(timeout=10)
    assert second.returncode == 1
    assert f"process {lab.process.pid}" in errors.decode()
    assert "vether stop" in errors.decode()
    assert a.is_silent()
    assert lab.port("a")["carrier"]


def test_garbage_on_the_control_socket_disturbs_nobody(lab: Lab) -> None:
    lab.start(ports("a", "b"))
    a, b = lab.connect("a"), lab.connect("b")
    for garbage in (b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 100, b"\0\0\0\1\xc1", os.urandom(5000)):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.connect(str(lab.dir / "ctl"))
            client.settimeout(10)
            client.sendall(garbage)
            client.shutdown(socket.SHUT_WR)
            while client.recv(4096):
                pass
    a.send(frame(EVERYBODY, A))
    assert b.receive() == frame(EVERYBODY, A)


def test_garbage_on_a_port_is_counted(lab: Lab) -> None:
    lab.start(ports("a", "b"))
    a, b = lab.connect("a"), lab.connect("b")
    for garbage in (b"x", bytes(25), b"VETH1234567", os.urandom(11)):
        a.socket.send(garbage)
    a.send(frame(EVERYBODY, b"\xff" * 6))
    a.send(frame(EVERYBODY, A))
    assert b.receive() == frame(EVERYBODY, A)
    drops = lab.stats("a")["drops"]
    assert (drops["too-short"], drops["bad-source"]) == (4, 1)


def test_a_second_guest_is_refused_and_a_dead_one_replaced(lab: Lab) -> None:
    lab.start(ports("a"))
    first = lab.connect("a")
    second = Guest(lab.dir / "ports" / "a")
    assert second.socket.recv(100) == b""
    second.close()
    assert lab.port("a")["carrier"]
    first.close()
    lab.connect("a")


def test_show_prints_tables_and_json(lab: Lab) -> None:
    lab.start(ports("a", "b"))
    for what in ("ports", "fdb", "stats", "forwards", "spec"):
        table = lab.command("show", what, "--dir", str(lab.dir))
        assert table.returncode == 0, table.stderr
        text = lab.command("show", what, "--json", "--dir", str(lab.dir))
        assert json.loads(text.stdout) == lab.call("show", what=what)
    assert lab.command("show", "ports").returncode == 2
    assert lab.command("show", "ports", "no-such-network").returncode == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = 1", "name: 1 is not text"),
        ("name = 'lan'\nsubnet = '10.0.0.1/24'", "subnet: 10.0.0.1/24 has host bits set"),
        ("name = 'lan'\nnmae = 'x'", "did you mean 'name'?"),
        ("name = [", "spec.toml"),
    ],
)
def test_wrong_files_exit_2_and_name_the_key(lab: Lab, text: str, message: str) -> None:
    file = lab.folder / "spec.toml"
    file.write_text(text)
    result = lab.command("serve", str(file), "--dir", str(lab.dir))
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert not lab.dir.exists()


def test_a_folder_that_cannot_be_used_exits_5(lab: Lab) -> None:
    file = lab.folder / "spec.toml"
    file.write_text("name = 'lan'\ngateway = false\n[[ports]]\nname = 'a'")
    open_to_all = lab.folder / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    result = lab.command("serve", str(file), "--dir", str(open_to_all))
    assert (result.returncode, "chmod 700" in result.stderr) == (5, True)
    long = Path(lab.folder, "x" * 100)
    result = lab.command("serve", str(file), "--dir", str(long))
    assert (result.returncode, "too long for a unix socket" in result.stderr) == (5, True)
    missing = lab.command("serve", str(lab.folder / "missing.toml"))
    assert missing.returncode == 2
