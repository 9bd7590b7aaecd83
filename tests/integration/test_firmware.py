"""Foreign firmware on the native machine: OpenSBI, U-Boot in M-mode and under OpenSBI, a disk through U-Boot."""

import time
from pathlib import Path

import pytest

from vkd._native import Machine

OPENSBI = Path("/usr/lib/riscv64-linux-gnu/opensbi/generic")
UBOOT = Path("/usr/lib/u-boot")
RAM = 128 << 20

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not OPENSBI.is_dir() or not UBOOT.is_dir(), reason="no packages opensbi and u-boot-qemu"),
]


class Console:
    """Talks to a machine's console."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.seen = b""
        machine.start()

    def expect(self, text: bytes, seconds: float = 60) -> bytes:
        """Read up to and including `text`; return what was before it."""
        deadline = time.monotonic() + seconds
        while text not in self.seen:
            assert time.monotonic() < deadline, f"no {text!r} in {self.seen!r}"
            self.seen += self.machine.console_read(0.5)
        before, _, self.seen = self.seen.partition(text)
        return before

    def command(self, line: bytes) -> None:
        """Give U-Boot a command."""
        self.machine.console_write(line + b"\n")

    def prompt(self) -> None:
        """Stop U-Boot's automatic boot."""
        self.expect(b"Hit any key")
        self.machine.console_write(b" ")
        self.expect(b"=> ")


def test_u_boot_in_machine_mode_sees_every_hart_and_resets() -> None:
    kernel = UBOOT / "qemu-riscv64" / "u-boot.bin"
    console = Console(Machine(memory=RAM, harts=4, kernel=kernel, firmware="none"))
    console.prompt()
    console.command(b"cpu list")
    assert b"3: cpu@3" in console.expect(b"=> ")
    console.command(b"reset")
    assert console.machine.wait(20.0) == ("reboot", 0, "")


@pytest.mark.parametrize("firmware", ["fw_dynamic.bin", "fw_jump.bin", "fw_jump.elf"])
def test_opensbi_starts_u_boot_which_reads_a_disk_and_powers_off(firmware: str, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.write_bytes(bytes(512) + b"vkd!" * 128 + bytes(1 << 20))
    kernel = UBOOT / "qemu-riscv64_smode" / "u-boot.bin"
    machine = Machine(memory=RAM, harts=2, kernel=kernel, firmware=OPENSBI / firmware, disks=[(disk, False)])
    console = Console(machine)
    assert b"riscv-virtio,vkd" in console.expect(b"Platform HART Count       : 2")
    console.prompt()
    console.command(b"virtio scan; virtio read 84000000 1 1; md.b 84000000 4")
    assert b"76 6b 64 21" in console.expect(b"=> ")
    console.command(b"mw.b 84000000 5a 200; virtio write 84000000 2 1")
    console.expect(b"=> ")
    console.command(b"poweroff")
    assert machine.wait(20.0) == ("poweroff", 0, "")
    assert disk.read_bytes()[512:2048] == b"vkd!" * 128 + b"\x5a" * 512 + bytes(512)
    assert machine.stats()["disks"][0]["writes"] == 1
