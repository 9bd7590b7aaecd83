"""QEMU's translator (TCG), with the RAM, harts, kernel, initramfs and kernel parameters that our machine gets."""

from bench.peers.workload import Workload, program


def command(workload: Workload) -> list[str]:
    """Return the command line. Our board says Sv39; with the same, QEMU is faster than with its default of Sv57."""
    qemu = program("qemu-system-riscv64", "qemu-system-misc")
    return [
        *(qemu, "-machine", "virt", "-accel", "tcg", "-cpu", "rv64,sv57=off,sv48=off"),
        *("-smp", str(workload.harts), "-m", f"{workload.memory >> 20}M"),
        *("-display", "none", "-monitor", "none", "-serial", "stdio", "-nic", "none"),
        *("-kernel", str(workload.kernel), "-initrd", str(workload.of("riscv64").initrd), "-append", workload.cmdline),
    ]
