"""A Linux guest, ours beside QEMU's: boot to the ssh banner, then what it costs while it idles.

Both get the same kernel, initramfs, identity, kernel parameters, memory and number of harts.
"""

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import trio

from bench.figure import Figure
from bench.goals import goals
from bench.options import Options
from bench.process import cpu_seconds, memory_beside, terminate
from vether.control.client import Client
from vkd.images import Identity, Image, Interface, ensure, make_ssh_key
from vkd.vkernel.spec import CONSOLE_LOG

MEMORY = 128 << 20
MAC = "02:76:6b:64:00:01"
ADDRESS, GATEWAY, SUBNET = "10.0.2.15", "10.0.2.2", "10.0.2.0/24"
BOOT_LIMIT = 120.0  # seconds
PAUSE = 0.01  # seconds between two looks
LISTENS = b"vkd: stage ssh"
IDLE_SETTLE, IDLE_SPAN = 5.0, 20.0  # seconds


@dataclass(frozen=True)
class Guest:
    """A running guest: the process that runs it, how to name its RAM's mapping, and the boot's seconds."""

    process: subprocess.Popen[bytes]
    ram: str
    boot: float


def measure(options: Options) -> Sequence[Figure]:
    """Boot a guest on each machine, one after the other, and let those of the last round idle."""
    image = trio.run(ensure, "tiny")
    costs: list[dict[str, list[float]]] = [{}, {}, {}]
    problems: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        initrd = _initrd(image, folder)
        machines: dict[str, Callable[[], AbstractContextManager[Guest]]] = {
            "ours": lambda: _ours(image, initrd, folder, translate=options.translate),
            "qemu": lambda: _qemu(image, initrd, folder),
        }
        for left in reversed(range(options.rounds)):
            for peer in filter(options.peers.__contains__, machines):
                try:
                    with machines[peer]() as guest:
                        found = (guest.boot,) if left else (guest.boot, *_idle(guest))
                except (OSError, RuntimeError) as error:
                    problems[peer] = str(error)
                    continue
                for cost, value in zip(costs, found, strict=False):
                    cost.setdefault(peer, []).append(value)
    names = (("boot to ssh", "s"), ("idle guest", "% of a core"), ("memory beside the guest's", "MB"))
    return [
        Figure(name, unit, cost, goals(name), problems=problems)
        for (name, unit), cost in zip(names, costs, strict=True)
    ]


def _idle(guest: Guest) -> tuple[float, float]:
    """Return the share of a core, percent, that an idle guest takes, and its memory in MB beside its RAM."""
    time.sleep(IDLE_SETTLE)
    before = cpu_seconds(guest.process.pid)
    time.sleep(IDLE_SPAN)
    idle = 100 * (cpu_seconds(guest.process.pid) - before) / IDLE_SPAN
    return idle, memory_beside(guest.process.pid, guest.ram) / 1e6


def _initrd(image: Image, folder: Path) -> Path:
    host_key, _ = make_ssh_key()
    _, user_key = make_ssh_key()
    link = Interface(MAC, (f"{ADDRESS}/24",), gateway=GATEWAY)
    identity = Identity("bench", (link,), host_key=host_key, authorized_keys=(user_key,))
    packed = image.initrd.read_bytes()
    path = folder / "initrd"
    path.write_bytes(packed + bytes(-len(packed) % 4) + identity.cpio())
    return path


@contextmanager
def _ours(image: Image, initrd: Path, folder: Path, *, translate: bool) -> Iterator[Guest]:
    with ExitStack() as stack:
        # A folder of the round before says how that guest ended.
        net, home = folder / "net", folder / "guest"
        for path in (net, home):
            shutil.rmtree(path, ignore_errors=True)
        home.mkdir()
        port = _free_port()
        spec = folder / "net.toml"
        spec.write_text(
            f'name = "bench"\nsubnet = "{SUBNET}"\n'
            f'[[ports]]\nname = "bench"\nmac = "{MAC}"\naddress = "{ADDRESS}"\nhostname = "bench"\n'
            f'[[forwards]]\nproto = "tcp"\nhost_port = {port}\nguest = "{ADDRESS}"\nguest_port = 22\n'
        )
        switch = subprocess.Popen([sys.executable, "-m", "vether", "serve", spec, "--dir", net])
        stack.callback(terminate, switch)
        _until(lambda: _answers(net / "ctl"), 10, "the switch")
        guest = {
            "cluster": "bench",
            "name": "bench",
            "memory": MEMORY,
            "kernel": str(image.kernel),
            "initrd": [str(initrd)],
            "cmdline": image.cmdline,
            "translate": translate,
            "nics": [{"socket": str(net / "ports" / "bench"), "mac": MAC}],
        }
        (home / "spec.json").write_text(json.dumps(guest))
        began = time.monotonic()
        process = subprocess.Popen([sys.executable, "-m", "vkd.vkernel", home])
        stack.callback(terminate, process)
        yield Guest(process, "vkd-guest-ram", _boot(process, began, home / CONSOLE_LOG, port))


@contextmanager
def _qemu(image: Image, initrd: Path, folder: Path) -> Iterator[Guest]:
    port, console = _free_port(), folder / "qemu.log"
    console.unlink(missing_ok=True)
    memory = f"{MEMORY >> 20}M"
    command = ["qemu-system-riscv64", "-machine", "virt,memory-backend=ram", "-m", memory, "-nographic"]
    command += ["-object", f"memory-backend-memfd,id=ram,size={memory},share=on"]
    command += ["-monitor", "none", "-serial", f"file:{console}", "-kernel", str(image.kernel), "-initrd", str(initrd)]
    command += ["-append", image.cmdline, "-device", f"virtio-net-device,netdev=net,mac={MAC}"]
    command += ["-netdev", f"user,id=net,hostfwd=tcp:127.0.0.1:{port}-{ADDRESS}:22"]
    began = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield Guest(process, "memory-backend-memfd", _boot(process, began, console, port))
    finally:
        terminate(process)


def _boot(process: subprocess.Popen[bytes], began: float, console: Path, port: int) -> float:
    """Wait for an ssh server's banner at the loopback's `port`; return the seconds since `began`.

    The `console` says first that the server listens. A connection that is tried sooner waits for a lost SYN to be sent
    again, and would measure that.
    """

    def listens() -> bool:
        if process.poll() is not None:
            raise RuntimeError(f"the guest's process ended with status {process.returncode}")
        return console.exists() and LISTENS in console.read_bytes()

    def greeted() -> bool:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False

    _until(listens, BOOT_LIMIT, "a server for ssh")
    _until(greeted, BOOT_LIMIT, "an ssh banner")
    return time.monotonic() - began


def _answers(path: Path) -> bool:
    try:
        with Client(path, timeout=2) as client:
            return bool(client.call("ping"))
    except OSError:
        return False


def _until(condition: Callable[[], bool], limit: float, what: str) -> None:
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"{what} did not come within {limit:.0f} s")
        time.sleep(PAUSE)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
