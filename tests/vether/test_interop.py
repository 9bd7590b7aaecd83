"""Ports of other kinds than guests' against the programs that they are for."""

import os
import signal
import struct
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.vether.lab import EVERYBODY, Lab, frame, mac, ports, until
from tests.vether.machines import Machine, program, qemu, uml
from vkd.images import Image
from vkd.images.progress import Watcher
from vkd.images.store import ensure_sync

pytestmark = pytest.mark.interop

GATEWAY = "10.77.0.1"
STREAM, DGRAM, VDE, BESS, DAEMON = (f"10.77.0.{n}" for n in (11, 12, 13, 21, 22))


@pytest.fixture(scope="session")
def image() -> Image:
    return ensure_sync("tiny", None, Watcher())


def test_qemu_and_user_mode_linux_reach_each_other(lab: Lab, image: Image) -> None:
    for name in ("qemu-system-riscv64", "linux.uml"):
        program(name)
    remote, at = lab.folder / "qemu", lab.dir / "ports"
    lab.start(
        {
            "name": "lan",
            "ports": [
                {"name": "stream", "kind": "stream"},
                {"name": "dgram", "kind": "dgram", "remote": str(remote)},
                {"name": "vde", "kind": "vde"},
                {"name": "bess", "kind": "bess"},
            ],
        }
    )
    local, to = f"local.type=unix,local.path={remote}", f"remote.type=unix,remote.path={at / 'dgram'}"
    cards = {
        f"stream,server=off,addr.type=unix,addr.path={at / 'stream'},reconnect-ms=500": STREAM,
        f"dgram,{local},{to}": DGRAM,
        f"vde,sock={at / 'vde'}": VDE,
    }
    everybody = [GATEWAY, STREAM, DGRAM, VDE, BESS, DAEMON]
    with ExitStack() as stack:
        machines: list[Machine] = [
            stack.enter_context(
                qemu(lab.folder, (image.kernel, image.initrd), cards, [GATEWAY, BESS, DAEMON], GATEWAY)
            ),
            stack.enter_context(uml(lab.folder, f"vec0:transport=bess,dst={at / 'bess'}", BESS, everybody, GATEWAY)),
            stack.enter_context(uml(lab.folder, f"eth0=daemon,,unix,{at / 'vde' / 'ctl'}", DAEMON, everybody, GATEWAY)),
        ]
        for machine in machines:
            machine.wait("done")
        for device in ("q0", "q1", "q2"):
            assert {f"{device} reached {BESS}", f"{device} long {GATEWAY}"} <= machines[0].said()
        assert f"vec0 long {GATEWAY}" in machines[1].said()
        assert f"eth0 long {GATEWAY}" in machines[2].said()
        rows = {row["name"]: row for row in lab.call("show", what="ports")}
        assert sorted(rows) == ["bess", "dgram", "gateway", "stream", "vde", "vde.1", "vde.2"]
        assert all(row["carrier"] for name, row in rows.items() if name != "vde")
        assert all(not any(lab.stats(name)["drops"].values()) for name in ("stream", "vde.1", "vde.2"))
        # QEMU connects again by itself to a switch that was killed.
        lab.end(signal.SIGKILL)
        lab.start({"name": "lan", "ports": [{"name": "stream", "kind": "stream"}]})
        until("QEMU", lambda: lab.port("stream")["carrier"])
    until("its end", lambda: not lab.port("stream")["carrier"])


def test_vde_plug_is_a_cable_to_standard_input_and_output(lab: Lab) -> None:
    plug = program("vde_plug")
    lab.start(ports("a") | {"ports": [{"name": "a"}, {"name": "v", "kind": "vde"}]})
    a = lab.connect("a")
    pipe = subprocess.PIPE
    with subprocess.Popen([plug, str(lab.dir / "ports" / "v")], stdin=pipe, stdout=pipe) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        until("the client", lambda: any(row["name"] == "v.1" for row in lab.call("show", what="ports")))
        for size in (46, 1000, 1500):
            there, back = frame(EVERYBODY, mac(2), os.urandom(size)), frame(mac(2), mac(1), os.urandom(size))
            process.stdin.write(struct.pack(">H", len(there)) + there)
            process.stdin.flush()
            assert a.receive() == there
            a.send(back)
            (length,) = struct.unpack(">H", process.stdout.read(2))
            assert process.stdout.read(length) == back
        process.terminate()
    until("removal", lambda: [row["name"] for row in lab.call("show", what="ports")] == ["a", "v"])
    assert [path.name for path in Path(lab.dir / "ports" / "v").iterdir()] == ["ctl"]
