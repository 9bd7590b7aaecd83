"""The real image `tiny` on QEMU: right by another machine than ours, with the system's ssh and strict host keys."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from vkd.images import MINIMUM_MEMORY, File, Identity, Image, Interface, Mount, known_hosts_line, make_ssh_key
from vkd.images.progress import Watcher
from vkd.images.store import ensure_sync

QEMU = "qemu-system-riscv64"
MAC = "52:54:00:12:34:56"

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which(QEMU) is None, reason=f"no {QEMU} on this host"),
]


@dataclass
class Guest:
    """A running QEMU with its console's file and the way in."""

    process: subprocess.Popen[bytes]
    console: Path
    ssh: list[str]

    def wait_for(self, text: str, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while text not in self.seen():
            assert self.process.poll() is None, f"QEMU ended: {self.seen()}"
            assert time.monotonic() < deadline, f"no {text!r} in: {self.seen()}"
            time.sleep(0.05)

    def seen(self) -> str:
        return self.console.read_text(errors="replace")

    def run(self, command: str) -> str:
        done = subprocess.run(
            ["ssh", *self.ssh, "root@127.0.0.1", command], capture_output=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()


@pytest.fixture(scope="module")
def image() -> Image:
    return ensure_sync("tiny", None, Watcher())


def machine(image: Image, initrd: Path, memory: str) -> list[str]:
    command = [QEMU, "-M", "virt", "-m", memory, "-nodefaults", "-nographic", "-no-reboot", "-serial", "stdio"]
    return [*command, "-kernel", str(image.kernel), "-initrd", str(initrd), "-append", image.cmdline]


@pytest.fixture
def guest(image: Image, tmp_path: Path) -> Iterator[Guest]:
    host, host_public = make_ssh_key("web")
    user, user_public = make_ssh_key("me")
    (tmp_path / "id").write_bytes(user)
    (tmp_path / "id").chmod(0o600)
    (tmp_path / "known").write_text(known_hosts_line("web", host_public))
    disk = tmp_path / "disk"
    with disk.open("wb") as handle:
        handle.truncate(32 << 20)
    subprocess.run(["/sbin/mkfs.ext4", "-q", "-F", str(disk)], check=True)
    identity = Identity(
        "web",
        (Interface(MAC, ("10.0.2.15/24", "fd00::5/64"), "10.0.2.2", ("10.0.2.3",), 1400),),
        hosts={"gateway": "10.0.2.2"},
        host_key=host,
        authorized_keys=(user_public,),
        files=(File("/opt/greeting", b"hello\n"),),
        mounts=(Mount("/dev/vda", "/srv/data"),),
        environment={"WHO": "it's me"},
        run='echo "hook $WHO" >/run/hook',
    )
    (tmp_path / "initrd").write_bytes(image.initrd.read_bytes() + identity.cpio())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = machine(image, tmp_path / "initrd", "128M")
    command += [
        "-netdev",
        f"user,id=n,hostfwd=tcp:127.0.0.1:{port}-:22",
        "-device",
        f"virtio-net-device,netdev=n,mac={MAC}",
    ]
    command += ["-drive", f"file={disk},format=raw,if=none,id=d", "-device", "virtio-blk-device,drive=d"]
    ssh = [
        "-F",
        "none",
        "-i",
        str(tmp_path / "id"),
        "-o",
        f"Port={port}",
        "-o",
        "HostKeyAlias=web",
        "-o",
        "BatchMode=yes",
    ]
    ssh += [
        "-o",
        f"UserKnownHostsFile={tmp_path / 'known'}",
        "-o",
        "StrictHostKeyChecking=yes",
        "-o",
        "ConnectTimeout=20",
    ]
    console = tmp_path / "console"
    with console.open("wb") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
    try:
        yield Guest(process, console, ssh)
    finally:
        process.kill()
        process.wait()


def test_boot_login_copy_and_power_off(guest: Guest, image: Image, tmp_path: Path) -> None:
    guest.wait_for("vkd: stage ssh", 60)
    stages = [line.strip() for line in guest.seen().splitlines() if line.startswith("vkd: ")]
    assert stages == ["vkd: stage init", "vkd: stage link", "vkd: stage ssh"]
    assert guest.run("uname -rm; hostname; cat /opt/greeting") == f"{image.release} riscv64\nweb\nhello"
    assert "mtu 1400" in guest.run("ip link show eth0")
    assert "default via 10.0.2.2" in guest.run("ip route")
    assert "1 packets received" in guest.run("ping -c1 gateway")
    assert guest.run("stat -c '%a %A' / /root/.ssh /tmp") == "755 drwxr-xr-x\n700 drwx------\n1777 drwxrwxrwt"
    assert "/dev/vda on /srv/data type ext4 (rw" in guest.run("mount")
    assert guest.run("cat /run/hook; . /etc/profile; echo $WHO") == "hook it's me\nit's me"
    (tmp_path / "file").write_bytes(b"x" * 100_000)
    subprocess.run(
        ["scp", "-q", *guest.ssh, str(tmp_path / "file"), "root@127.0.0.1:/srv/data/"], check=True, timeout=60
    )
    assert guest.run("wc -c </srv/data/file") == "100000"
    guest.run("poweroff")
    assert guest.process.wait(20) == 0
    assert "Power down" in guest.seen()


@pytest.mark.parametrize(
    ("memory", "line"),
    [
        # The kernel gives up in sparse_init, before it has a console of its own.
        (64 << 20, b"Kernel panic - not syncing"),
        (MINIMUM_MEMORY, b"vkd: stage ssh"),
    ],
)
def test_the_least_memory(image: Image, memory: int, line: bytes) -> None:
    command = machine(image, image.initrd, f"{memory >> 20}M")
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        timer = threading.Timer(60, process.kill)
        timer.start()
        assert process.stdout is not None
        seen = any(line in text for text in process.stdout)
        timer.cancel()
        process.kill()
    assert seen
