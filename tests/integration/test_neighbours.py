"""Machines of other makes on a network of ours: a guest, QEMU and User Mode Linux reach each other."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.integration.lab import Lab
from tests.vether.machines import needs_uml, program, qemu, uml
from vether.control.client import Client
from vkd.images import Image

pytestmark = pytest.mark.interop

CLUSTER = """
[networks.lan]
subnet = "10.77.0.0/24"

[guests.a]
image = "tiny"
memory = "128M"

[[guests.a.nics]]
network = "lan"
address = "10.77.0.5"
"""

GUEST, STREAM, BESS, GATEWAY = "10.77.0.5", "10.77.0.11", "10.77.0.21", "10.77.0.1"


@pytest.mark.parametrize("with_uml", [False, True], ids=["qemu", "qemu and uml"])
def test_a_guest_qemu_and_user_mode_linux_ping_each_other(lab: Lab, image: Image, *, with_uml: bool) -> None:
    program("qemu-system-riscv64")
    folder = lab.folder.parent
    if with_uml:
        needs_uml(folder)
    linux = [BESS] if with_uml else []
    lab.write(CLUSTER)
    lab.vkd("up")
    (control,) = lab.runtime.rglob("ctl")
    with Client(control) as client:
        for name, kind in (("qemu", "stream"), ("uml", "bess")):
            client.call("add", port={"name": name, "kind": kind})
    ports = control.parent / "ports"
    card = f"stream,server=off,addr.type=unix,addr.path={ports / 'qemu'},reconnect-ms=500"
    with ExitStack() as stack:
        machines = [
            stack.enter_context(qemu(folder, (image.kernel, image.initrd), {card: STREAM}, [GUEST, *linux], GATEWAY))
        ]
        if with_uml:
            device = f"vec0:transport=bess,dst={ports / 'uml'}"
            machines.append(stack.enter_context(uml(folder, device, BESS, [GUEST, STREAM], GATEWAY)))
        for machine in machines:
            machine.wait("done")
        for address in (STREAM, *linux):
            assert " 0% packet loss" in lab.ssh("a", f"ping -c 3 {address}")
