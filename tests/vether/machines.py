"""Machines of other makes for tests: QEMU and User Mode Linux, each runs a script and says what it reached.

Their scripts give an address to each network card, then ask every target for an echo until there is one, and print
`INTEROP device reached target` on the console. They stay until they are closed, so that others reach them.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

#: A boot under emulation takes ten seconds on an idle machine of two cores.
LIMIT = 150.0

#: How User Mode Linux is started: the host's files, read-only, and its console at standard input and output.
_UML = (
    "mem=64M",
    "root=/dev/root",
    "rootfstype=hostfs",
    "rootflags=/",
    "ro",
    "con0=fd:0,fd:1",
    "con=null",
    "quiet",
    "panic=-1",
)

_REACH = """
for device in $devices; do
    for target in {targets}; do
        [ "$target" = "$(own $device)" ] && continue
        until ping -c 1 -W 1 -I $device $target >/dev/null 2>&1; do :; done
        echo "INTEROP $device reached $target"
    done
    ping -c 2 -W 2 -s 4000 -I $device {gateway} >/dev/null 2>&1 && echo "INTEROP $device long {gateway}"
done
echo "INTEROP done"
while :; do sleep 60; done
"""


def _script(shebang: str, setup: str, addresses: Mapping[str, str], targets: Sequence[str], gateway: str) -> str:
    own = "".join(f"{device}) echo {address};;\n" for device, address in addresses.items())
    up = "".join(f"ip link set {device} up; ip addr add {at}/24 dev {device}\n" for device, at in addresses.items())
    quiet = "".join(
        f"echo {value} >/proc/sys/net/ipv4/conf/all/{key}\n"
        # Several cards in one network: each answers for its own address only.
        for key, value in (("arp_ignore", 1), ("arp_announce", 2), ("rp_filter", 0))
    )
    function = f"own() {{ case $1 in\n{own}esac; }}\ndevices='{' '.join(addresses)}'\n"
    reach = _REACH.format(targets=" ".join(targets), gateway=gateway)
    return f"#!{shebang}\nexport PATH=/usr/sbin:/usr/bin:/sbin:/bin\n{setup}\n{quiet}{up}{function}{reach}"


class Machine:
    """A process with its descendants, and what it wrote."""

    def __init__(self, command: list[str], log: Path) -> None:
        self.log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )

    def said(self) -> set[str]:
        lines = self.log.read_text(errors="replace").splitlines()
        return {line[line.index("INTEROP ") + 8 :].strip() for line in lines if "INTEROP " in line}

    def wait(self, what: str) -> None:
        end = time.monotonic() + LIMIT
        while what not in self.said():
            if self._process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"no {what!r} in:\n" + self.log.read_text(errors="replace")[-3000:])
            time.sleep(0.1)

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def program(name: str) -> str:
    """Return the path of the program `name`, or skip the test."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"needs {name} (scripts/hostdeps.py test)")
    return path


@contextlib.contextmanager
def qemu(
    folder: Path, boot: tuple[Path, Path], cards: Mapping[str, str], targets: Sequence[str], gateway: str
) -> Iterator[Machine]:
    """QEMU with the kernel and initrd of `boot`; `cards` are the values of `-netdev` without `id`, and addresses."""
    command = [program("qemu-system-riscv64"), "-M", "virt", "-m", "192", "-nographic", "-no-reboot"]
    setup = """/bin/busybox mount -t proc proc /proc
/bin/busybox --install -s
mount -t devtmpfs dev /dev; mount -t sysfs sys /sys
modprobe virtio_mmio; modprobe virtio_net
"""
    addresses = {}
    for i, (netdev, address) in enumerate(cards.items()):
        mac = f"52:54:00:aa:00:{i:02x}"
        kind, _, rest = netdev.partition(",")
        command += ["-netdev", f"{kind},id=n{i},{rest}", "-device", f"virtio-net-device,netdev=n{i},mac={mac}"]
        addresses[f"q{i}"] = address
        setup += f"for d in /sys/class/net/*; do grep -q {mac} $d/address && ip link set ${{d##*/}} name q{i}; done\n"
    script = folder / "peer.sh"
    script.write_text(_script("/bin/sh", setup, addresses, targets, gateway))
    script.chmod(0o755)
    extra = subprocess.run(
        [program("cpio"), "-o", "-H", "newc", "--quiet"], input=b"peer.sh\n", cwd=folder, stdout=-1, check=True
    )
    initrd = folder / "initrd"
    initrd.write_bytes(boot[1].read_bytes() + extra.stdout)
    command += ["-kernel", str(boot[0]), "-initrd", str(initrd), "-append", "console=ttyS0 quiet rdinit=/peer.sh"]
    machine = Machine(command, folder / "qemu.log")
    try:
        yield machine
    finally:
        machine.close()


def needs_uml(folder: Path) -> None:
    """Skip where User Mode Linux is not installed, or comes to no program: Debian 12's dies where CPUs have AMX."""
    script = folder / "ready.sh"
    script.write_text("#!/bin/sh\necho INTEROP ready\nwhile :; do sleep 60; done\n")
    script.chmod(0o755)
    machine = Machine([program("linux.uml"), *_UML, f"init={script}", f"uml_dir={folder}/"], folder / "ready.log")
    try:
        machine.wait("ready")
    except AssertionError:
        pytest.skip("User Mode Linux does not run on this host")
    finally:
        machine.close()


@contextlib.contextmanager
def uml(folder: Path, device: str, address: str, targets: Sequence[str], gateway: str) -> Iterator[Machine]:
    """User Mode Linux with the network card `device`, a kernel argument; its files are the host's, read-only."""
    setup = "mount -t proc proc /proc; mount -t sysfs sys /sys"
    card = device.partition(":" if device.startswith("vec") else "=")[0]
    script = folder / f"{card}.sh"
    script.write_text(_script("/bin/sh", setup, {card: address}, targets, gateway))
    script.chmod(0o755)
    command = [
        *(program("linux.uml"), *_UML),
        *(f"init={script}", f"uml_dir={folder}/", device),
    ]
    machine = Machine(command, folder / f"{card}.log")
    try:
        yield machine
    finally:
        machine.close()
