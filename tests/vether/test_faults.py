"""Faults around a real switch: floods of addresses, a wire that corrupts, a switch that is restarted under a stream."""

import contextlib
import random
import select
import socket
import threading
import time
from pathlib import Path

from tests.vether.lab import EVERYBODY, Guest, Lab, frame, mac, open_lab, ports, until
from tests.vether.test_tunnel import Pair, free_port, peer


def memory(lab: Lab) -> int:
    """Resident memory of the daemon, KiB."""
    assert lab.process is not None
    status = Path(f"/proc/{lab.process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1])


def test_memory_is_flat_under_a_flood_of_a_million_addresses(lab: Lab) -> None:
    lab.start(ports("the-port-that-is-flooded", "b", "c"))
    flooder, b, c = lab.connect("the-port-that-is-flooded"), lab.connect("b"), lab.connect("c")

    def flood(first: int, last: int) -> None:
        for number in range(first, last):
            flooder.send(mac(9) + b"\2\1" + number.to_bytes(4, "big") + b"\x88\xb5")

    readers = [threading.Thread(target=swallow, args=(guest.socket,), daemon=True) for guest in (b, c)]
    for reader in readers:
        reader.start()
    flood(0, 200_000)
    until("a full table", lambda: lab.call("show", what="stats")["fdb"]["entries"] == 65536)
    before = memory(lab)
    flood(200_000, 1_000_000)
    until("the flood's end", lambda: lab.stats("the-port-that-is-flooded")["rx_frames"] == 1_000_000)
    assert memory(lab) - before < 8 * 1024
    assert lab.call("show", what="stats")["fdb"] == {"entries": 65536, "refused": 1_000_000 - 65536}
    # All of it can be shown, and what is fixed finds its place.
    shown = lab.command("show", "fdb", "--json", "--dir", str(lab.dir))
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.count("the-port-that-is-flooded") == 65536
    lab.call("set", name="b", changes={"static": [{"mac": "02:00:00:00:00:0b"}]})
    assert sum(row["static"] for row in lab.call("show", what="fdb")) == 1


def swallow(channel: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            with contextlib.suppress(TimeoutError):
                if not channel.recv(70000):
                    return


class BadWire(threading.Thread):
    """Carries datagrams between two tunnels; of every tenth, if asked for, one bit is flipped."""

    def __init__(self, switches: list[int], seed: int) -> None:
        super().__init__(daemon=True)
        self.is_bad = False
        #: Datagrams to switch number i in which a bit was flipped.
        self.flipped = [0 for _ in switches]
        #: What switch number i takes for the other one; and where switch number i is.
        self.faces = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in switches]
        self._switches = [("127.0.0.1", port) for port in switches]
        self._random = random.Random(seed)
        self._is_over = False
        for face in self.faces:
            face.bind(("127.0.0.1", 0))

    def run(self) -> None:
        while not self._is_over:
            for face in select.select(self.faces, [], [], 0.1)[0]:
                data = bytearray(face.recv(70000))
                to = 1 - self.faces.index(face)
                if self.is_bad and self._random.random() < 0.1:
                    bit = self._random.randrange(len(data) * 8)
                    data[bit // 8] ^= 1 << bit % 8
                    self.flipped[to] += 1
                # From the other face, which its receiver knows as us.
                self.faces[to].sendto(data, self._switches[to])

    def close(self) -> None:
        self._is_over = True
        self.join()
        for face in self.faces:
            face.close()


def test_what_a_wire_corrupts_is_dropped_by_name_and_nothing_else_suffers() -> None:
    switches = [free_port(), free_port()]
    wire = BadWire(switches, 7)
    with contextlib.closing(wire), open_lab() as one, open_lab() as two:
        pair = Pair((one, two), (f"127.0.0.1:{switches[0]}", f"127.0.0.1:{switches[1]}"))
        for spec, face in zip(pair.specs, wire.faces, strict=True):
            spec["peers"][0]["endpoint"] = f"127.0.0.1:{face.getsockname()[1]}"
            spec["ports"].append({"name": "b"})
        wire.start()
        pair.start()
        pair.until_up()
        here, near, far = one.connect("a"), one.connect("b"), two.connect("a")
        sent = [frame(EVERYBODY, mac(1), number.to_bytes(4, "big") + bytes(900)) for number in range(2000)]
        wire.is_bad = True
        got = []
        for data in sent:
            here.send(data)
            assert near.receive() == data, "a port that the wire is nothing to"
            if select.select([far.socket], [], [], 0)[0]:
                got.append(far.receive())
        while not far_is_silent(far, got):
            pass
        assert 1000 < len(got) < 2000
        assert set(got) <= set(sent), "what was corrupted came through"
        assert got == sorted(got), "in order"
        drops = peer(two)["drops"]
        everybody = two.call("show", what="stats")["tunnel"]["drops"]
        assert drops["forged"] > 100
        # A busy host loses some on the way: those are nobody's to count.
        assert sum(drops.values()) + sum(everybody.values()) >= wire.flipped[1] > 100
        assert peer(one)["up"]
        assert peer(two)["up"]
        wire.is_bad = False
        here.send(sent[0])
        assert far.receive() == sent[0]


def far_is_silent(guest: Guest, got: list[bytes]) -> bool:
    if not select.select([guest.socket], [], [], 0.3)[0]:
        return True
    got.append(guest.receive())
    return False


def test_an_inherited_udp_socket_waits_for_who_is_to_listen(lab: Lab) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far,
    ):
        ours.bind(("127.0.0.1", 0))
        port = free_port()
        ours.connect(("127.0.0.1", port))
        spec = ports("a")
        spec["ports"].append({"name": "x", "kind": "fd", "fd": ours.fileno()})
        lab.start(spec, pass_fds=(ours.fileno(),))
        a = lab.connect("a")
        for _ in range(3):
            a.send(frame(EVERYBODY, mac(1)))
            time.sleep(0.05)
        assert lab.port("x")["carrier"], "that nobody listens yet is no reason to give up"
        far.bind(("127.0.0.1", port))
        far.connect(ours.getsockname())
        far.send(frame(EVERYBODY, mac(2)))
        assert a.receive() == frame(EVERYBODY, mac(2))
        a.send(frame(mac(2), mac(1)))
        far.settimeout(10)
        while far.recv(2000) != frame(mac(2), mac(1)):
            pass
