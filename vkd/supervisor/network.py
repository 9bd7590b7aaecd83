"""One network for as long as it is in the cluster: its vether process, restarted when it crashes.

Guests' ports reconnect by themselves, so a crash of the switch costs frames, not guests.
"""

import logging
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgpack
import trio

from vkd.api import Event
from vkd.errors import ConfigError, HostLacksError, VkdError
from vkd.supervisor.context import Bell, Context
from vkd.supervisor.host import Process
from vkd.supervisor.record import Identity
from vkd.supervisor.switchhost import ANSWER, LOG, SPEC, SwitchHost

log = logging.getLogger(__name__)

#: Back-off between restarts, seconds, and the run after which it begins anew.
FIRST_DELAY, LONGEST_DELAY, STABLE = 0.25, 15.0, 30.0

#: A switch that ends so often before it answers will not come up by waiting.
_TRIES = 2

#: What a switch's exit status says.
_STATUSES: dict[int | None, type[VkdError]] = {2: ConfigError, 5: HostLacksError}

_POLL = 0.05
_GRACE = 5.0


class Network:
    """Supervises one switch. Nothing that happens to it raises out of `run`."""

    def __init__(
        self,
        context: Context,
        host: SwitchHost,
        cluster: str,
        name: str,
        folder: Path,
        *,
        known: Identity | None = None,
        save: Callable[[str, Identity | None], Awaitable[None]] | None = None,
    ) -> None:
        """`save` writes down which process serves the network."""
        self.context = context
        self.cluster = cluster
        self.name = name
        self.folder = folder
        self.up = False
        self.process: Process | None = None
        self.failure: str | None = None
        self._status: int | None = None
        self._advice: str | None = None
        self.restarts = 0
        self._host = host
        self._known = known
        self._save = save
        self._bell = Bell()
        self._telling = trio.Lock()
        #: Whether the switch has taken over what the file says.
        self._told = False
        #: Whether it has answered since it was started, or adopted, here; and how many wait for that.
        self._answered = False
        self._waiting = 0

    def write(self, spec: dict[str, Any]) -> bool:
        """Put the switch's specification in place; return whether it differs from the one before."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.folder / SPEC
        packed: bytes = msgpack.packb(spec)
        if path.exists() and path.read_bytes() == packed:
            return False
        temporary = path.with_name(f".{SPEC}.new")
        temporary.write_bytes(packed)
        temporary.chmod(0o600)
        temporary.replace(path)
        self._told = False
        return True

    async def answered(self) -> None:
        """Wait until the switch answers. Raises `VkdError` when it ends again and again, or not in time."""
        hopeless = self.restarts + _TRIES
        self._waiting += 1
        try:
            with trio.move_on_after(ANSWER):
                await self._bell.until(lambda: self.up or self.restarts >= hopeless)
        finally:
            self._waiting -= 1
        if self.up:
            return
        log_file = f"its log is {self.folder / LOG}"
        raise _STATUSES.get(self._status, VkdError)(
            f"the switch of network {self.name!r} does not come up: {self.failure or 'it does not answer'}",
            hint=f"{self._advice}; {log_file}" if self._advice else log_file,
        )

    async def apply(self, spec: dict[str, Any]) -> None:
        """Let the running switch take over `spec`. Raises `VkdError`."""
        self.write(spec)
        if self._told:
            return
        try:
            await self._tell()
        except OSError as error:
            log.info("network %s is not there to apply to (%s); it is told when it is", self.name, error)

    async def run(self) -> None:
        """Supervise until cancelled; a cancelled supervision leaves the switch running."""
        delay = FIRST_DELAY
        try:
            while True:
                began = trio.current_time()
                await self._one_run()
                delay = FIRST_DELAY if trio.current_time() - began >= STABLE else min(delay * 2, LONGEST_DELAY)
                self.restarts += 1
                self._bell.ring()
                self._say_that_it_ended(f"the switch of network {self.name} {self.failure}; restart in {delay:g} s")
                await trio.sleep(delay)
        finally:
            self._let_go()

    async def stop(self) -> None:
        """End the switch; to be called when `run` has been cancelled."""
        running = self._find()
        if running is None:
            return
        try:
            for number in (signal.SIGTERM, signal.SIGKILL):
                running.signal(number)
                with trio.move_on_after(_GRACE):
                    await running.wait()
                    return
            self._warn(f"the switch of network {self.name} does not end")
        finally:
            running.close()

    async def _one_run(self) -> None:
        """Start or adopt the switch and stay with it to its end; `failure` says how it ended."""
        try:
            self.process = self._find() or self._host.launch(self.folder)
            self._known = self.process.identity
            if self._save is not None:
                await self._save(self.name, self._known)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._await_answer)
                status = await self.process.wait()
                said, self._advice = self._last_words(status or 0)
                self._status = status
                self.failure = "ended" if status is None else f"ended with status {status}{said}"
                nursery.cancel_scope.cancel()
        except (VkdError, OSError) as error:
            self.failure = f"cannot be started: {error}"
        except Exception as error:
            log.exception("supervision of network %s/%s failed", self.cluster, self.name)
            self.failure = f"could not be supervised: {error}"
        finally:
            self._let_go()

    async def _await_answer(self) -> None:
        """Have the switch take over the file: one that was adopted may have read another, of a killed daemon."""
        delay = _POLL
        while True:
            try:
                await self._tell()
            except OSError as error:
                self.failure = str(error)
            except VkdError as error:
                self.failure = str(error)
                delay = min(delay * 2, LONGEST_DELAY)
            else:
                self.up = self._answered = True
                self._bell.ring()
                return
            await trio.sleep(delay)

    async def _tell(self) -> None:
        """Let the running switch take over the file. Raises `OSError` without an answer, `VkdError` if it refuses."""
        async with self._telling:
            self._told = False
            await self._host.call(self.folder, "apply", spec=msgpack.unpackb((self.folder / SPEC).read_bytes()))
            self._told = True

    def _last_words(self, status: int) -> tuple[str, str | None]:
        """Return what a switch that gave up said last, as it is shown behind its status, and what it advised."""
        try:
            lines = (self.folder / LOG).read_text(errors="replace").strip().splitlines() if status > 0 else []
        except OSError:
            return "", None
        # A hint, indented, may follow what went wrong.
        advice = lines.pop().strip()[:300] if lines and lines[-1].startswith(" ") else None
        said = next((line for line in reversed(lines) if not line.startswith(" ")), "")
        return f" ({said[:200]})" if said else "", advice

    def _find(self) -> Process | None:
        return self._host.adopt(self.folder, self._known)

    def _let_go(self) -> None:
        self.up = False
        if self.process is not None:
            self.process.close()
            self.process = None

    def _say_that_it_ended(self, message: str) -> None:
        """Publish it, unless `answered` is about to say the same as an error."""
        if self._waiting or (not self._answered and self.restarts <= _TRIES):
            log.info("%s", message)
        else:
            self._warn(message)

    def _warn(self, message: str) -> None:
        event = Event(time=self.context.clock(), kind="log", cluster=self.cluster, message=message)
        self.context.publish(event)
