"""One run of a guest, from its process's start (or adoption) to its end: what is watched, and how it is stopped."""

import math
import signal
from contextlib import aclosing
from typing import TYPE_CHECKING, assert_never

import trio

from vkd.supervisor.host import Process
from vkd.supervisor.ladder import Bounds, Rung, rungs
from vkd.supervisor.lifecycle import State
from vkd.supervisor.policy import Exit
from vkd.supervisor.progress import Progress, Sample
from vkd.supervisor.stages import STAGES, Panic, Reached, Rebooted, Sighting, Warned, Watcher

if TYPE_CHECKING:
    from vkd.supervisor.guest import Guest

#: How often a booting guest's counters are read, seconds.
SAMPLE_EVERY = 1.0

#: How often its ssh is tried, seconds; after `PATIENCE` seconds of being ready without one, no more.
PROBE_EVERY = 0.25
PATIENCE = 120.0

#: An image that does not say that its ssh listens is tried after so long, seconds.
UNANNOUNCED = 5.0

#: After a panic the console gets so long, seconds, to finish what it says.
LAST_WORDS = 1.0

_RECONNECT = 0.1
#: A guest that could not be asked is not waited for.
_UNASKED = 1.0


class Oversight:
    """Watches one run of `guest` in `process`."""

    def __init__(self, guest: "Guest", process: Process) -> None:
        self._guest = guest
        self._process = process
        self._host = guest.context.host
        #: Why we ended it, if we did so of our own accord (panic, stalled).
        self.verdict: Exit | None = None
        #: Whether we ended it because the user wished so.
        self.obeyed = False
        self._console_bytes = 0
        self._announced = False
        if guest.state == State.STOPPING and guest.record.wanted:
            # The daemon before us ended while it carried out a verdict.
            self.verdict = Exit("fault", 0, guest.record.reason or "its end had been begun")

    async def run(self) -> int | None:
        """Watch it to its end; return the process's status, if it can be known."""
        status = None
        async with trio.open_nursery() as nursery:
            for watch in (self._console, self._progress, self._ssh, self._wish):
                nursery.start_soon(watch)
            status = await self._process.wait()
            nursery.cancel_scope.cancel()
        return status

    async def _console(self) -> None:
        while True:
            # The kernel's first words may be in a part of the replay that we had already; a new watcher reads anew.
            watcher = Watcher(firmware=self._guest.config.firmware not in {"builtin", "none"})
            try:
                async with aclosing(self._host.console(self._guest.folder)) as console:
                    async for data in console:
                        self._console_bytes += len(data)
                        await self._heed(watcher.feed_untrusted(data))
            except OSError:
                pass  # not yet there, or cut
            await trio.sleep(_RECONNECT)

    async def _heed(self, sightings: list[Sighting]) -> None:
        for position, seen in enumerate(sightings):
            match seen:
                case Reached("ssh") if self._guest.target is not None:
                    # That it listens is not enough: it counts when it answers through the gateway.
                    self._announced = True
                    self._guest.bell.ring()
                case Reached(stage):
                    await self._guest.reach(stage)
                case Warned(text):
                    self._guest.warn(text)
                case Panic(text):
                    # A replay may hold the panic of a boot that the guest itself has left behind.
                    if not any(isinstance(later, Rebooted) for later in sightings[position:]):
                        await self._condemn(Exit("panic", 0, text), LAST_WORDS)
                case Rebooted():
                    await self._rebooted()
                case _:
                    assert_never(seen)

    async def _rebooted(self) -> None:
        boots = _count(await self._status(), "boots")
        # A guest that is being ended may reboot meanwhile (`panic=1`); that is no new boot.
        if boots > self._guest.record.boots and self._guest.state in {State.STARTING, State.READY}:
            self._announced = False
            await self._guest.rebooted(boots)

    async def _progress(self) -> None:
        guest = self._guest
        while True:
            await guest.bell.until(lambda: guest.state == State.STARTING)
            progress = Progress(trio.current_time(), deadline=guest.config.boot_stall or math.inf)
            stage = guest.record.stage
            while guest.state == State.STARTING:
                await trio.sleep(SAMPLE_EVERY)
                now = trio.current_time()
                if stage != guest.record.stage:
                    stage = guest.record.stage
                    progress.touch(now)
                progress.feed(now, self._sample(await self._status()))
                if progress.stalled(now):
                    idle = f"no progress for {progress.idle(now):.0f} s"
                    await self._condemn(Exit("stalled", 0, f"the boot stalled after stage {stage or 'none'}: {idle}"))
                    return

    def _sample(self, status: dict[str, object]) -> Sample:
        machine = status.get("machine")
        counters = machine if isinstance(machine, dict) else {}
        instructions = counters.get("instructions", 0)
        retired = sum(instructions) if isinstance(instructions, list) else _number(instructions)
        return Sample(retired, _count(status, "console_bytes") or self._console_bytes, _io(counters))

    async def _status(self) -> dict[str, object]:
        try:
            self._guest.status = await self._host.status(self._guest.folder)
        except OSError:
            return {}
        return self._guest.status

    async def _ssh(self) -> None:
        guest = self._guest
        patience = math.inf
        # Our images say when their ssh listens. A connection that is tried sooner costs the time of a lost SYN.
        first = "link" if guest.config.image else "kernel"
        while guest.target is not None:
            await guest.bell.until(lambda: _index(first) <= _index(guest.record.stage) < _index("ssh"))
            if guest.config.image:
                with trio.move_on_after(UNANNOUNCED):
                    await guest.bell.until(lambda: self._announced)
            target = guest.target
            if target is not None and await self._host.answers(target.port):
                await guest.reach("ssh")
            if guest.state != State.READY or guest.record.stage == "ssh":
                patience = math.inf
            else:
                patience = min(patience, trio.current_time() + PATIENCE)
            if trio.current_time() > patience:
                return
            await trio.sleep(PROBE_EVERY)

    async def _condemn(self, verdict: Exit, grace: float = 0.0) -> None:
        """End it for `verdict`, after `grace` seconds."""
        if self.verdict is None and self._guest.record.wanted:
            self.verdict = verdict
            await trio.sleep(grace)
            self._guest.bell.ring()

    async def _wish(self) -> None:
        guest = self._guest
        await guest.bell.until(lambda: self.verdict is not None or not guest.record.wanted)
        self.obeyed = self.verdict is None
        reachable = self.obeyed and guest.record.stage == "ssh" and guest.target is not None
        if guest.state != State.STOPPING:
            await guest.stopping(self.verdict.reason if self.verdict else None)
        for rung in rungs(reachable=reachable, bounds=Bounds(ask=guest.config.stop_timeout)):
            await self._step(rung)
        guest.warn("its process does not end, not even by SIGKILL: the host's kernel holds it")

    async def _step(self, rung: Rung) -> None:
        """Do what the rung says; the process's end cancels us here."""
        seconds = rung.seconds
        begun = trio.current_time()
        match rung.action:
            case "ask":
                target = self._guest.target
                with trio.move_on_after(seconds):
                    if target is None or not await self._host.power_off(target):
                        seconds = min(seconds, trio.current_time() - begun + _UNASKED)
            case "sigterm":
                self._process.signal(signal.SIGTERM)
            case "sigkill":
                self._process.signal(signal.SIGKILL)
            case _:
                assert_never(rung.action)
        await trio.sleep(max(0.0, begun + seconds - trio.current_time()))


def _index(stage: str) -> int:
    return STAGES.index(stage) if stage in STAGES else -1


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _count(fields: dict[str, object], name: str) -> int:
    return _number(fields.get(name))


def _io(counters: dict[str, object]) -> int:
    """Sum the counters of disks and network cards, whatever they count; what harts count grows when idle, too."""
    return sum(_sum(counters.get(devices)) for devices in ("disks", "nics"))


def _sum(counters: object) -> int:
    if isinstance(counters, dict):
        return sum(map(_sum, counters.values()))
    if isinstance(counters, list | tuple):
        return sum(map(_sum, counters))
    return _number(counters)
