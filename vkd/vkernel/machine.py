"""The native machine of one guest, through its reboots: a thread that runs it, a thread that reads its console."""

import threading
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any, Protocol, cast

from vkd.vkernel.spec import ExitRecord, Spec

#: A machine that asks for a reboot sooner than this, seconds, so many times in a row, is in a loop.
QUICK_BOOT = 2.0
QUICK_BOOTS = 10

#: Samples of a profile in one message.
SAMPLES = 1024

_LONG = 3600.0


class Native(Protocol):
    """What we use of `vkd._native.Machine`."""

    def start(self) -> None:
        """Set the harts going."""

    def wait(self, timeout: float) -> tuple[str, int, str] | None:
        """Wait at most `timeout` seconds; return (kind, code, text) when it has ended."""

    def stop(self) -> None:
        """End it; disks are flushed."""

    def console_read(self, timeout: float) -> bytes:
        """Wait at most `timeout` seconds for output; return what there is."""

    def console_write(self, data: bytes) -> int:
        """Give input; return how many bytes were taken."""

    def stats(self) -> dict[str, Any]:
        """Return counters."""

    def profile_start(self, hz: int, *, task_name: int | None) -> None:
        """Sample the harts. Raises `ValueError` when it cannot be so often."""

    def profile_stop(self) -> None:
        """Sample no more."""

    def profile_read(self, limit: int) -> Any:
        """Return what was sampled: at most `limit` of each hart."""


def build(spec: Spec) -> Native:
    """Build the native machine that `spec` describes. Raises `OSError` or `ValueError` with the reason."""
    # The native module is large: it comes only now, after all that can be wrong without it.
    machine = import_module("vkd._native").Machine(
        memory=spec.memory,
        harts=spec.cpus,
        kernel=spec.kernel,
        initrd=spec.initrd,
        cmdline=spec.cmdline,
        firmware=spec.firmware,
        disks=[(disk.path, disk.readonly) for disk in spec.disks],
        nics=[(nic.socket, nic.mac_bytes()) for nic in spec.nics],
        translate=spec.translate,
        windows=spec.windows,
    )
    return cast(Native, machine)


class Runner:
    """Runs the guest, and builds the machine anew each time that it reboots.

    `say` gets console output and `done` the end, both in this object's threads.
    """

    def __init__(
        self,
        spec: Spec,
        say: Callable[[bytes], None],
        done: Callable[[ExitRecord], None],
        make: Callable[[Spec], Native] = build,
    ) -> None:
        self._spec = spec
        self._say = say
        self._done = done
        self._make = make
        self._lock = threading.Lock()
        self._machine: Native | None = None
        self._stopping = False
        self._resetting = False
        #: Rate, samples a second, and offset of a task's name, while there is a profile.
        self._profile: tuple[int, int | None] | None = None
        self.boots = 0

    def start(self) -> None:
        """Build the first machine, which may raise `OSError` or `ValueError`, and set it going."""
        if self._begin():
            threading.Thread(target=self._run, name="machine", daemon=True).start()
        else:
            self._done(ExitRecord(kind="stopped", reason="stopped before it began", boots=0))

    def stop(self) -> None:
        """End the guest for good."""
        with self._lock:
            self._stopping = True
            if self._machine is not None:
                self._machine.stop()

    def reset(self) -> None:
        """Start the guest anew, whatever it is doing."""
        with self._lock:
            self._resetting = True
            if self._machine is not None:
                self._machine.stop()

    def write(self, data: bytes) -> int:
        """Give console input; return how many bytes were taken. Between two boots all is taken and lost."""
        with self._lock:
            return len(data) if self._machine is None else self._machine.console_write(data)

    def stats(self) -> dict[str, Any]:
        """Return the machine's counters; empty between two boots."""
        with self._lock:
            return {} if self._machine is None else self._machine.stats()

    def profile_start(self, hz: int, task_name: int | None = None) -> None:
        """Sample what the harts execute, from now on and through reboots. Raises `ValueError` for a wrong rate."""
        with self._lock:
            if self._machine is not None:
                self._machine.profile_start(hz, task_name=task_name)
            self._profile = (hz, task_name)

    def profile_read(self) -> Any:
        """Return what has been sampled and not yet read, as far as fits into a message."""
        with self._lock:
            if self._machine is None:
                return {"samples": [], "lost": [], "idle": []}
            return self._machine.profile_read(max(1, SAMPLES // self._spec.cpus))

    def profile_stop(self) -> None:
        """Sample no more; what was not read is lost."""
        with self._lock:
            self._profile = None
            if self._machine is not None:
                self._machine.profile_stop()

    def _begin(self) -> bool:
        """Build a machine and set it going; return whether that was still wished."""
        machine = self._make(self._spec)
        with self._lock:
            if self._stopping:
                return False
            self._machine = machine
            self._resetting = False
            self.boots += 1
            if self._profile is not None:
                hz, task_name = self._profile
                machine.profile_start(hz, task_name=task_name)
            machine.start()
        return True

    def _run(self) -> None:
        try:
            record = self._through_reboots()
        except Exception as error:
            record = ExitRecord(kind="fault", reason=f"{type(error).__name__}: {error}")
        except BaseException as error:
            record = ExitRecord(kind="fault", reason=f"the machine failed: {error}")
        record.boots = self.boots
        record.ended = time.time()
        self._done(record)

    def _through_reboots(self) -> ExitRecord:
        quick = 0
        while True:
            began = time.monotonic()
            kind, code, text = self._one_boot()
            with self._lock:
                if self._stopping and kind in {"stopped", "reboot"}:
                    return ExitRecord(kind="stopped", reason="stopped")
                again = kind == "reboot" or (kind == "stopped" and self._resetting)
                # The last reference: the old machine's memory and its connections to switches go before the new one's
                # come. A port of a switch takes one connection at a time.
                self._machine = None
            if not again:
                return _record(kind, code, text)
            quick = quick + 1 if time.monotonic() - began < QUICK_BOOT else 0
            if quick >= QUICK_BOOTS:
                return ExitRecord(kind="failure", reason=f"the guest reboots in a loop ({quick} times at once)")
            if not self._begin():
                return ExitRecord(kind="stopped", reason="stopped")
            self._say(b"\r\nvkd: boot %d\r\n" % self.boots)

    def _one_boot(self) -> tuple[str, int, str]:
        machine = self._machine
        if machine is None:
            raise RuntimeError("a boot without a machine")
        over = threading.Event()
        reader = threading.Thread(target=self._read_console, args=(machine, over), name="console", daemon=True)
        reader.start()
        while (end := machine.wait(_LONG)) is None:
            pass
        over.set()
        reader.join(5)
        return end

    def _read_console(self, machine: Native, over: threading.Event) -> None:
        while not over.is_set():
            if data := machine.console_read(0.5):
                self._say(data)
        while data := machine.console_read(0.0):
            self._say(data)


def _record(kind: str, code: int, text: str) -> ExitRecord:
    match kind:
        case "poweroff":
            return ExitRecord(kind="poweroff", reason="the guest powered off")
        case "failure":
            return ExitRecord(kind="failure", code=code, reason=f"the guest reported failure, code {code}")
        case "halted":
            return ExitRecord(kind="halted", reason="the guest halted: no hart can ever run again")
        case "stopped":
            return ExitRecord(kind="stopped", reason="stopped")
        case _:
            return ExitRecord(kind="fault", code=code, reason=text or f"the machine ended: {kind}")
