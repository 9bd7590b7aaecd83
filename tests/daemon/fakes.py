"""A host without processes: guests are scripts that run on trio's clock."""

import signal
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgpack
import trio

from vkd.api import Event, SshTarget
from vkd.config.model import Guest as GuestConfig
from vkd.config.model import Restart, Ssh
from vkd.errors import VkdError
from vkd.supervisor.context import Context
from vkd.supervisor.record import Identity
from vkd.supervisor.switchhost import SPEC
from vkd.vkernel.spec import EXIT, ExitRecord, write_atomically

Script = Callable[["FakeProcess"], Awaitable[None]]


class FakeProcess:
    """A vkernel that is not there. Its script ends it by `end`, or a signal does."""

    def __init__(self, host: "FakeHost | None", folder: Path, pid: int) -> None:
        self.host = host
        self.folder = folder
        self.identity = Identity(pid, pid * 7)
        self.signals: list[signal.Signals] = []
        self.heeds_sigterm = True
        self.heeds_poweroff = True
        self.sigkill_works = True
        self.over = trio.Event()
        self.status: int | None = 0
        self.machine: dict[str, Any] = {"instructions": [0]}
        self.boots = 1
        self.console_bytes = 0
        self.ssh = False
        self.port = 0
        self.asked = 0
        self.calls: list[tuple[str, dict[str, object]]] = []
        self.samples: list[Any] = []
        self._viewers: list[trio.MemorySendChannel[bytes]] = []
        self._said = b""

    @property
    def pid(self) -> int:
        return self.identity.pid

    @property
    def alive(self) -> bool:
        return not self.over.is_set()

    async def wait(self) -> int | None:
        await self.over.wait()
        return self.status

    def close(self) -> None:
        return

    def signal(self, number: signal.Signals) -> None:
        self.signals.append(number)
        if number == signal.SIGTERM and self.heeds_sigterm:
            self.end(ExitRecord(kind="stopped", reason="stopped"))
        if number == signal.SIGKILL and self.sigkill_works:
            self.end(None, -9)

    def end(self, record: ExitRecord | None, status: int | None = 0) -> None:
        if self.alive:
            if record is not None:
                write_atomically(self.folder / EXIT, record)
            self.status = status
            self.ssh = False
            self.over.set()
            for viewer in self._viewers:
                viewer.close()

    def say(self, text: str) -> None:
        data = text.encode() + b"\r\n"
        self._said += data
        self.console_bytes += len(data)
        with (self.folder / "console.log").open("ab") as file:
            file.write(data)
        for viewer in self._viewers:
            viewer.send_nowait(data)

    async def watch(self) -> AsyncGenerator[bytes, None]:
        send, receive = trio.open_memory_channel[bytes](1000)
        send.send_nowait(self._said)
        self._viewers.append(send)
        try:
            async for data in receive:
                yield data
        finally:
            self._viewers.remove(send)


class FakeHost:
    """Starts scripts instead of processes. `nursery` runs them: it outlives a daemon, as processes do."""

    def __init__(self, nursery: trio.Nursery, *scripts: Script) -> None:
        self.nursery = nursery
        #: For the first launch, the second, …; the last one serves for all that follow.
        self.scripts = list(scripts)
        self.processes: list[FakeProcess] = []

    def launch(self, folder: Path) -> FakeProcess:
        folder.mkdir(parents=True, exist_ok=True)
        assert not any(process.alive for process in self.processes if process.folder == folder), "two in one folder"
        process = FakeProcess(self, folder, 1000 + len(self.processes))
        script = self.scripts[min(len(self.processes), len(self.scripts) - 1)]
        self.processes.append(process)
        self.nursery.start_soon(script, process)
        return process

    def adopt(self, folder: Path, known: Identity | None) -> FakeProcess | None:
        return self._living(folder)

    async def console(self, folder: Path) -> AsyncGenerator[bytes, None]:
        process = self._living(folder)
        if process is None:
            raise FileNotFoundError(folder)
        async for data in process.watch():
            yield data

    async def status(self, folder: Path) -> dict[str, Any]:
        await trio.lowlevel.checkpoint()
        process = self._living(folder)
        if process is None:
            raise FileNotFoundError(folder)
        return {"boots": process.boots, "console_bytes": process.console_bytes, "machine": process.machine}

    async def call(self, folder: Path, op: str, **args: object) -> Any:
        await trio.lowlevel.checkpoint()
        process = self._living(folder)
        if process is None:
            raise FileNotFoundError(folder)
        process.calls.append((op, args))
        if op == "profile-read":
            samples = process.samples[:2]
            del process.samples[:2]
            return {"samples": samples, "lost": [0], "idle": [3]}
        return None

    async def answers(self, port: int) -> bool:
        await trio.lowlevel.checkpoint()
        return any(process.ssh and process.port in {0, port} for process in self.processes)

    async def power_off(self, target: SshTarget) -> bool:
        await trio.sleep(0.3)
        for process in self.processes:
            if process.alive and target.alias.split(".")[0] in {process.folder.name, "any"}:
                process.asked += 1
                if process.heeds_poweroff:
                    self.nursery.start_soon(power_off, process)
        return True

    def _living(self, folder: Path) -> FakeProcess | None:
        return next((process for process in self.processes if process.alive and process.folder == folder), None)


async def power_off(process: FakeProcess) -> None:
    await trio.sleep(2)
    process.end(ExitRecord(kind="poweroff", reason="the guest powered off"))


async def boots_well(process: FakeProcess) -> None:
    await trio.sleep(1)
    process.say("[    0.000000] Linux version 6.12 (fake)")
    await trio.sleep(4)
    process.say("vkd: stage init")
    await trio.sleep(1)
    process.say("vkd: stage link")
    await trio.sleep(1)
    process.ssh = process.alive
    process.say("vkd: stage ssh")


async def panics(process: FakeProcess) -> None:
    await trio.sleep(1)
    process.say("[    0.000000] Linux version 6.12 (fake)")
    process.say("[    1.000000] Kernel panic - not syncing: VFS: Unable to mount root fs")
    process.say("[    1.100000] ---[ end Kernel panic ]---")


async def crashes(process: FakeProcess) -> None:
    await trio.sleep(1)
    process.end(None, -11)


async def hangs(process: FakeProcess) -> None:
    await trio.sleep(1)
    process.say("[    0.000000] Linux version 6.12 (fake)")


class FakeSwitchHost:
    """Switches that answer half a second after their start."""

    def __init__(self) -> None:
        self.processes: list[FakeProcess] = []
        self.applied: list[Path] = []
        #: What each switch does, by its pid: what it read at its start, or took over since.
        self.specs: dict[int, dict[str, Any]] = {}
        self.refusal: str | None = None

    def launch(self, folder: Path) -> FakeProcess:
        assert self.adopt(folder, None) is None, "two in one folder"
        process = FakeProcess(None, folder, 5000 + len(self.processes))
        self.processes.append(process)
        self.specs[process.pid] = msgpack.unpackb((folder / SPEC).read_bytes())
        return process

    def adopt(self, folder: Path, known: Identity | None) -> FakeProcess | None:
        return next((process for process in self.processes if process.alive and process.folder == folder), None)

    async def call(self, folder: Path, op: str, **args: Any) -> Any:
        await trio.sleep(0.5)
        process = self.adopt(folder, None)
        if process is None:
            raise FileNotFoundError(folder)
        if op == "apply":
            if self.refusal is not None:
                raise VkdError(f"the switch refuses apply: {self.refusal}")
            self.applied.append(folder)
            self.specs[process.pid] = args["spec"]


def guest_config(name: str = "a", **changes: Any) -> GuestConfig:
    """Return a guest with nothing special, but for `changes`."""
    fields: dict[str, Any] = {
        "name": name,
        "image": "tiny",
        "kernel": None,
        "initrd": None,
        "firmware": "builtin",
        "cmdline": None,
        "append": "",
        "cpus": 1,
        "memory": 128 << 20,
        "nics": (),
        "disks": (),
        "forwards": (),
        "restart": Restart(policy="on-failure", max_retries=3, delay=1.0, max_delay=60.0, reset_after=60.0),
        "wait_for": "ssh",
        "boot_stall": 60.0,
        "stop_timeout": 20.0,
        "ssh": Ssh(user="root", port=22, authorized_keys=()),
        "env": {},
        "files": {},
        "run": (),
    }
    return GuestConfig(**{**fields, **changes})


def restart(policy: Any, retries: int = 3) -> Restart:
    """Return a restart section."""
    return Restart(policy=policy, max_retries=retries, delay=1.0, max_delay=60.0, reset_after=60.0)


def a_target(_guest: object) -> SshTarget:
    """Return a way to reach a guest that no test goes."""
    return SshTarget(host="127.0.0.1", port=2222, user="root", key="/k", known_hosts="/h", alias="any")


async def prepare_nothing(_guest: object) -> None:
    """Prepare a fake guest."""
    await trio.lowlevel.checkpoint()


def context(host: FakeHost, events: list[Event]) -> Context:
    """Return surroundings on trio's clock."""
    return Context(host=host, publish=events.append, gate=trio.CapacityLimiter(2), clock=trio.current_time)
