"""Ports of other kinds than guests' against the programs that they are for."""

import os
import signal
import struct
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.vether.lab import EVERYBODY, Lab, frame, mac, ports, until
from tests.vether.machines import Machine, needs_uml, program, qemu, uml
from vkd.images import Image
from vkd.images.progress import Watcher
from vkd.images.store import ensure_sync

pytestmark = pytest.mark.interop

GATEWAY = "10.77.0.1"
STREAM, DGRAM, VDE, BESS, DAEMON = (f"10.77.0.{n}" for n in (11, 12, 13, 21, 22))


@pytest.fixture(scope="session")
def image() -> Image:
    return ensure_sync("tiny", None, Watcher())


@pytest.mark.parametrize("with_uml", [False, True], ids=["qemu", "qemu and uml"])
def test_qemu_and_user_mode_linux_reach_each_other(lab: Lab, image: Image, *, with_uml: bool) -> None:
    program("qemu-system-riscv64")
    if with_uml:
        needs_uml(lab.folder)
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
    linuxes = [BESS, DAEMON] if with_uml else []
    everybody = [GATEWAY, STREAM, DGRAM, VDE, *linuxes]
    with ExitStack() as stack:
        machines: list[Machine] = [
            stack.enter_context(qemu(lab.folder, (image.kernel, image.initrd), cards, [GATEWAY, *linuxes], GATEWAY)),
        ]
        for device, address in zip(
            (f"vec0:transport=bess,dst={at / 'bess'}", f"eth0=daemon,,unix,{at / 'vde' / 'ctl'}"), linuxes, strict=False
        ):
            machines.append(stack.enter_context(uml(lab.folder, device, address, everybody, GATEWAY)))
        for machine in machines:
            machine.wait("done")
        for device in ("q0", "q1", "q2"):
            reached = {f"{device} reached {address}" for address in linuxes}
            assert {*reached, f"{device} long {GATEWAY}"} <= machines[0].said()
        for device, machine in zip(("vec0", "eth0"), machines[1:], strict=False):
            assert f"{device} long {GATEWAY}" in machine.said()
        clients = ("vde.1", "vde.2") if with_uml else ("vde.1",)
        rows = {row["name"]: row for row in lab.call("show", what="ports")}
        assert sorted(rows) == sorted(["bess", "dgram", "gateway", "stream", "vde", *clients])
        assert all(row["carrier"] for name, row in rows.items() if name != "vde" and (with_uml or name != "bess"))
        assert all(not any(lab.stats(name)["drops"].values()) for name in ("stream", *clients))
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
