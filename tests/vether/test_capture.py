"""Captures of a running switch, read by programs that are not ours."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.utils import PcapNgReader

from tests.vether.lab import EVERYBODY, Lab, frame, mac, ports, until
from vether.control import ControlError
from vether.control.client import Client

A, B = mac(1), mac(2)


def read(file: Path) -> list[Any]:
    with PcapNgReader(str(file)) as reader:
        return list(reader)


class Capturing:
    """`vether capture` in the background."""

    def __init__(self, lab: Lab, file: Path, *arguments: str) -> None:
        command = [sys.executable, "-m", "vether", "capture", "--dir", str(lab.dir), "-w", str(file), *arguments]
        before = len(lab.call("show", what="captures"))
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        until("capture", lambda: len(lab.call("show", what="captures")) > before and file.exists())

    def end(self) -> str:
        self.process.send_signal(signal.SIGINT)
        _, errors = self.process.communicate(timeout=20)
        assert self.process.returncode == 0, errors
        return errors


def test_a_port_is_captured_in_both_directions_and_ends_well(lab: Lab) -> None:
    lab.start(ports("a", "b", "c"))
    a, b, c = (lab.connect(name) for name in "abc")
    file = lab.folder / "a.pcapng"
    capturing = Capturing(lab, file, "--port", "a")
    first, second = frame(EVERYBODY, A, b"first"), frame(A, B, b"second" * 200)
    before = time.time()
    a.send(first)
    b.receive()
    b.send(second)
    a.receive()
    c.send(frame(B, mac(3), b"none of a's"))
    b.receive()
    assert "2 frames" in capturing.end()
    got = read(file)
    assert [bytes(packet) for packet in got] == [first, second]
    assert [packet.direction for packet in got] == [1, 2]
    assert [packet.sniffed_on for packet in got] == ["a", "a"]
    assert all(before - 1 <= packet.time <= time.time() + 1 for packet in got)
    assert lab.call("show", what="captures") == []


def test_filter_direction_ports_and_snaplen_choose(lab: Lab) -> None:
    lab.start(ports("a", "b", "c"))
    a, b, c = (lab.connect(name) for name in "abc")
    file = lab.folder / "some.pcapng"
    words = ["--port", "a", "--port", "b", "--in", "--filter", "(udp port 53 or arp) and not vlan 7", "--snaplen", "60"]
    capturing = Capturing(lab, file, *words)
    source = "02:00:00:00:00:01"
    dns = Ether(dst="ff:ff:ff:ff:ff:ff", src=source) / IP(dst="10.0.0.2") / UDP(dport=53) / bytes(100)
    arp = Ether(dst="ff:ff:ff:ff:ff:ff", src=source) / ARP(pdst="10.0.0.2")
    other = Ether(dst="ff:ff:ff:ff:ff:ff", src=source) / IP(dst="10.0.0.2") / UDP(sport=1000, dport=54)
    tagged = Ether(dst="ff:ff:ff:ff:ff:ff", src=source) / Dot1Q(vlan=7) / ARP(pdst="10.0.0.2")
    for packet in (dns, other, tagged, arp):
        for guest in (a, b, c):
            guest.send(bytes(packet))
    for guest in (a, b, c):
        for _ in range(8):
            guest.receive()
    capturing.end()
    # Each port's frames are in their order; the ports are read in any.
    got = sorted(read(file), key=lambda packet: str(packet.sniffed_on))
    assert [(packet.sniffed_on, packet.wirelen) for packet in got] == [("a", 142), ("a", 42), ("b", 142), ("b", 42)]
    assert bytes(got[0]) == bytes(dns)[:60]


def test_tcpdump_reads_it(lab: Lab) -> None:
    needs("tcpdump")
    file = traffic(lab)
    result = subprocess.run(["tcpdump", "-nn", "-e", "-r", str(file)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert len(result.stdout.splitlines()) == 2
    assert "ethertype ARP" in result.stdout


def test_tshark_sees_directions_interfaces_and_comments(lab: Lab) -> None:
    needs("tshark")
    file = traffic(lab)
    fields = ["frame.interface_name", "frame.packet_flags_direction", "frame.comment", "frame.len"]
    command = ["tshark", "-n", "-r", str(file), "-T", "json", *(word for field in fields for word in ("-e", field))]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    layers = [packet["_source"]["layers"] for packet in json.loads(result.stdout)]
    assert [layer["frame.interface_name"] for layer in layers] == [["a"], ["a"]]
    assert [int(layer["frame.packet_flags_direction"][0], 16) for layer in layers] == [1, 2]
    assert layers[1]["frame.comment"] == ["checksum offloaded: the field holds the sum of the pseudo header"]


def needs(program: str) -> None:
    probe = subprocess.run([program, "--version"], capture_output=True, check=False) if which(program) else None
    if probe is None or probe.returncode:
        pytest.skip(f"needs {program}")


def which(program: str) -> bool:
    return any(Path(folder, program).exists() for folder in os.get_exec_path())


def traffic(lab: Lab) -> Path:
    """An ARP request in and a frame with an unfinished checksum out, captured at `a`."""
    lab.start(ports("a", "b"))
    a, b = lab.connect("a"), lab.connect("b")
    a.socket.send(b"VETH" + (1).to_bytes(4, "little"))
    file = lab.folder / "a.pcapng"
    capturing = Capturing(lab, file, "--port", "a")
    a.send(bytes(Ether(dst="ff:ff:ff:ff:ff:ff", src="02:00:00:00:00:01") / ARP(pdst="10.0.0.2")))
    b.receive()
    packet = bytes(Ether(dst="02:00:00:00:00:01", src="02:00:00:00:00:02") / IP(dst="10.0.0.1") / UDP(dport=53))
    b.send(packet, bytes([1, 0, 0, 0, 0, 0, 34, 0, 6, 0, 0, 0]))
    a.receive()
    capturing.end()
    return file


def test_a_reader_that_stalls_loses_records_and_nobody_a_frame(lab: Lab) -> None:
    lab.start(ports("a", "b"))
    a, b = lab.connect("a"), lab.connect("b")
    payload = bytes(60_000)
    with Client(lab.dir / "ctl", timeout=60) as client:
        stream = client.stream("capture", ports=["a"])
        received = bytearray(next(stream))
        for _ in range(600):
            a.send(frame(EVERYBODY, A, payload))
            assert len(b.receive()) == 60_014
        (row,) = lab.call("show", what="captures")
        assert row["lost"] > 0
        assert lab.port("a")["carrier"]
        assert row["packets"] + row["lost"] == 600
        client.hang_up()
        try:
            while True:
                received += next(stream)
        except StopIteration as end:
            tally = end.value
    assert tally == {"packets": row["packets"], "lost": row["lost"]}
    file = lab.folder / "stalled.pcapng"
    file.write_bytes(received)
    assert len(read(file)) == tally["packets"]
    assert lab.call("show", what="captures") == []


def test_a_client_that_is_killed_leaves_no_capture(lab: Lab) -> None:
    lab.start(ports("a"))
    capturing = Capturing(lab, lab.folder / "x.pcapng")
    capturing.process.kill()
    capturing.process.communicate()
    until("end of the capture", lambda: lab.call("show", what="captures") == [])


def test_a_daemon_stops_while_a_capture_stalls(lab: Lab) -> None:
    lab.start(ports("a", "b"))
    a, b = lab.connect("a"), lab.connect("b")
    with Client(lab.dir / "ctl", timeout=60) as client:
        next(client.stream("capture"))
        for _ in range(200):
            a.send(frame(EVERYBODY, A, bytes(60_000)))
            b.receive()
        assert lab.end() == 0


def test_the_specification_captures_from_the_first_frame_on(lab: Lab) -> None:
    file = lab.folder / "boot.pcapng"
    file.write_bytes(b"an older one")
    spec = ports("a", "b")
    spec["ports"][0]["capture"] = {"file": str(file), "filter": "not arp"}
    lab.start(spec)
    a, b = lab.connect("a"), lab.connect("b")
    a.send(frame(EVERYBODY, A, b"hello"))
    b.receive()
    (row,) = lab.call("show", what="captures")
    assert (row["file"], row["ports"], row["packets"], row["failure"]) == (str(file), "a", 1, None)
    assert lab.call("apply", spec=spec)["changed"] == []
    second = lab.folder / "second.pcapng"
    spec["ports"][0]["capture"] = {"file": str(second)}
    assert lab.call("apply", spec=spec)["changed"] == ["port a: changed"]
    assert [bytes(packet) for packet in read(file)] == [frame(EVERYBODY, A, b"hello")]
    assert (lab.folder / "boot.pcapng.1").read_bytes() == b"an older one"
    assert file.stat().st_mode & 0o777 == 0o600
    b.send(frame(A, B, b"answer"))
    a.receive()
    assert lab.end() == 0
    assert [bytes(packet) for packet in read(second)] == [frame(A, B, b"answer")]


def test_a_pipe_waits_for_its_reader(lab: Lab) -> None:
    pipe = lab.folder / "pipe"
    os.mkfifo(pipe)
    spec = ports("a", "b")
    spec["ports"][0]["capture"] = {"file": str(pipe)}
    lab.start(spec)
    a, b = lab.connect("a"), lab.connect("b")
    for _ in range(100):
        a.send(frame(EVERYBODY, A, bytes(8000)))
        b.receive()
    got = bytearray()
    reader = threading.Thread(target=lambda: got.extend(pipe.read_bytes()))
    reader.start()
    until("all frames", lambda: len(got) > 0 or lab.call("show", what="captures")[0]["lost"] == 0)
    time.sleep(0.5)
    assert lab.end() == 0
    reader.join(10)
    file = lab.folder / "piped.pcapng"
    file.write_bytes(got)
    assert len(read(file)) == 100


@pytest.mark.parametrize(
    ("capture", "message"),
    [
        ({"file": "x.pcapng"}, "not an absolute path"),
        ({"file": "/nowhere/x.pcapng"}, "No such file"),
        ({"file": "/tmp/x", "filter": "prot 7"}, 'capture.filter "prot 7": at character 1: "prot" is none of'),
        ({"file": "/tmp/x", "snaplen": -1}, "snaplen"),
        ({"file": "/tmp/x", "direction": "up"}, "direction"),
        ({"file": "/tmp/x", "fliter": "arp"}, "did you mean 'filter'"),
    ],
)
def test_a_wrong_key_is_named_and_the_port_is_not_made(lab: Lab, capture: dict[str, Any], message: str) -> None:
    lab.start(ports("a"))
    spec = ports("a", "b")
    spec["ports"][1]["capture"] = capture
    with pytest.raises(ControlError) as caught:
        lab.call("apply", spec=spec)
    assert message in f"{caught.value} {caught.value.hint}"
    assert [port["name"] for port in lab.call("show", what="ports")] == ["a"]
    assert lab.call("show", what="captures") == []


def test_mistakes_on_the_command_line_make_no_file(lab: Lab) -> None:
    lab.start(ports("a"))
    file = lab.folder / "x.pcapng"
    wrong = [
        (["--port", "b"], "there is no port 'b'"),
        (["--filter", "udp prot 53"], "at character 5"),
        (["--snaplen", "-1"], "snaplen"),
    ]
    for words, message in wrong:
        result = lab.command("capture", "--dir", str(lab.dir), "-w", str(file), *words)
        assert (result.returncode, message in result.stderr) == (2, True), result.stderr
        assert not file.exists()
    result = lab.command("capture", "--dir", str(lab.dir), "-w", "/nowhere/x")
    assert (result.returncode, "/nowhere/x" in result.stderr) == (1, True)
    for args in ({"ports": "a"}, {"ports": [1]}, {"filter": 1}, {"direction": "up"}, {"snaplen": "x"}):
        with pytest.raises(ControlError):
            lab.call("capture", **args)
    assert lab.call("show", what="captures") == []


def test_decode_prints_frames(lab: Lab) -> None:
    file = traffic(lab)
    result = lab.command("decode", str(file))
    assert result.returncode == 0, result.stderr
    first, second = result.stdout.splitlines()
    assert " a <- 42 Ether / ARP who has 10.0.0.2" in first
    assert " a -> 42 Ether / IP / UDP" in second
    assert "[checksum offloaded" in second
    assert "###[ ARP ]###" in lab.command("decode", "-v", "--count", "1", str(file)).stdout
    piped = subprocess.run(
        [sys.executable, "-m", "vether", "decode", "-"], input=file.read_bytes(), capture_output=True, check=True
    )
    assert piped.stdout.decode() == result.stdout
    bad = lab.folder / "bad"
    bad.write_bytes(os.urandom(100))
    cut = lab.folder / "cut"
    cut.write_bytes(file.read_bytes()[:-150])
    for wrong in (bad, lab.folder / "missing"):
        result = lab.command("decode", str(wrong))
        assert (result.returncode, "Traceback" in result.stderr) == (1, False), result.stderr
    assert "Traceback" not in lab.command("decode", str(cut)).stderr


def test_decode_without_scapy_says_what_to_do(lab: Lab) -> None:
    (lab.folder / "scapy.py").write_text("raise ImportError('not here')")
    environment = {**os.environ, "PYTHONPATH": str(lab.folder)}
    command = [sys.executable, "-m", "vether", "decode", "x"]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert result.returncode == 5
    assert "pip install 'vkd[decode]'" in result.stderr


def test_a_pipe_that_closes_ends_the_capture(lab: Lab) -> None:
    lab.start(ports("a", "b"))
    a, b = lab.connect("a"), lab.connect("b")
    reader, writer = os.pipe()
    command = [sys.executable, "-m", "vether", "capture", "--dir", str(lab.dir), "-w", "-"]
    process = subprocess.Popen(command, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    until("capture", lambda: lab.call("show", what="captures"))
    os.read(reader, 100)
    os.close(reader)
    a.send(frame(EVERYBODY, A))
    b.receive()
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, b"")


def test_garbage_behind_a_request_ends_nothing_but_itself(lab: Lab) -> None:
    lab.start(ports("a"))
    with Client(lab.dir / "ctl", timeout=20) as client:
        stream = client.stream("capture")
        next(stream)
        client._socket.sendall(b"\xff" * 1000)
        time.sleep(0.1)
        assert len(lab.call("show", what="captures")) == 1
        client._socket.shutdown(socket.SHUT_WR)
        assert list(stream)
