"""One guest for as long as it is in the cluster: runs after runs, as the user wishes and the policy decides.

The wish (`record.wanted`) is set by `start` and `stop`, which return at once; `run` is the one task that acts.
"""

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import trio

from vkd.api import Event, SshTarget, Stage
from vkd.config.model import Guest as GuestConfig
from vkd.errors import VkdError
from vkd.store import StoreError
from vkd.supervisor import policy
from vkd.supervisor.context import Bell, Context
from vkd.supervisor.host import Process
from vkd.supervisor.lifecycle import RUNNING, Cause, State, move
from vkd.supervisor.oversight import Oversight
from vkd.supervisor.policy import Exit, GiveUp, Restart, Run
from vkd.supervisor.record import RUNS, GuestRecord
from vkd.supervisor.stages import STAGES, tail
from vkd.vkernel.spec import CONSOLE_LOG, EXIT, ExitRecord, read_exit_untrusted

log = logging.getLogger(__name__)

#: Lines of the console that go with a failure.
TAIL = 30

#: A boot gives its place in the gate to the next one after so long, seconds, whether it is ready or not.
GATE_HOLD = 120.0

_TAIL_BYTES = 64 * 1024


class Guest:
    """Supervises one guest. Nothing that happens to it raises out of `run`."""

    def __init__(
        self,
        context: Context,
        cluster: str,
        config: GuestConfig,
        folder: Path,
        prepare: Callable[["Guest"], Awaitable[None]],
        *,
        record: GuestRecord | None = None,
        save: Callable[["Guest"], Awaitable[None]] | None = None,
        target: Callable[["Guest"], SshTarget | None] = lambda _guest: None,
    ) -> None:
        """`prepare` puts all that the vkernel needs into `folder` and raises `VkdError` when it cannot.

        `save` writes the record; `target` says how ssh reaches the guest, if it does.
        """
        self.context = context
        self.cluster = cluster
        self.config = config
        self.folder = folder
        self.record = record or GuestRecord(wanted=False)
        self.bell = Bell()
        self.process: Process | None = None
        #: What the vkernel said of itself last.
        self.status: dict[str, object] = {}
        self._prepare = prepare
        self._save = save
        self._target = target
        self._preparing: trio.CancelScope | None = None
        self._in_gate = False
        self._clear = False

    @property
    def name(self) -> str:
        """The guest's name."""
        return self.config.name

    @property
    def state(self) -> State:
        """Where it is in its life."""
        return self.record.state

    @property
    def target(self) -> SshTarget | None:
        """How ssh reaches it, if it does."""
        return self._target(self)

    @property
    def settled(self) -> bool:
        """Whether it is where it is to stay: ready if it is wanted; a failure ends the wish."""
        if self.record.wanted:
            return self.state == State.READY
        return self.state in {State.STOPPED, State.FAILED}

    def start(self) -> None:
        """Wish that it runs. From `failed` or `stopped` the policy's count begins anew."""
        if not self.record.wanted:
            self.record.wanted = True
            self.record.restarts = 0
            self.record.runs = []
        self._clear = False
        self.bell.ring()

    def stop(self) -> None:
        """Wish that it does not run; a failure is then no more its state."""
        self.record.wanted = False
        self._clear = True
        if self._preparing is not None:
            self._preparing.cancel()
        self.bell.ring()

    async def stopped(self) -> None:
        """Wish that it does not run, and wait until it has no process."""
        self.stop()
        await self.bell.until(lambda: self.state == State.STOPPED)

    async def run(self) -> None:
        """Supervise until cancelled; a cancelled supervision leaves the guest running."""
        while True:
            try:
                await self._live()
            except Exception:
                log.exception("supervision of %s/%s failed; it begins anew", self.cluster, self.name)
                await trio.sleep(1)
            finally:
                self._let_go()

    async def _live(self) -> None:
        process = self._find()
        if process is None and self.state in RUNNING:
            await self._after(self._how_it_ended(None))
        while True:
            if process is None:
                await self._until_wished()
                process = await self._launch()
            if process is not None:
                exit_ = await self._oversee(process)
                process = None
                if exit_ is None:
                    await self._end()
                else:
                    await self._after(exit_)

    def _find(self) -> Process | None:
        process = self.context.host.adopt(self.folder, self.record.process)
        if process is not None:
            log.info("adopted %s/%s, pid %d", self.cluster, self.name, process.pid)
            if self.state not in RUNNING:
                self.record.state, self.record.stage = State.STARTING, "image"
            self.record.process = process.identity
        return process

    async def _until_wished(self) -> None:
        if self.state == State.BACKOFF:
            return
        while not self.record.wanted:
            if self._clear and self.state == State.FAILED:
                await self._move(Cause.STOP)
            self._clear = False
            await self.bell.until(lambda: self.record.wanted or self._clear)

    async def _launch(self) -> Process | None:
        self.record.ready, self.record.boots, self.record.detail = False, 1, None
        await self._move(Cause.START)
        process = None
        try:
            with trio.CancelScope() as self._preparing:
                if not self.record.wanted:
                    self._preparing.cancel()
                await self.context.gate.acquire_on_behalf_of(self)
                self._in_gate = True
                await self._prepare(self)
                (self.folder / EXIT).unlink(missing_ok=True)
                process = self.context.host.launch(self.folder)
        except (VkdError, OSError) as error:
            self._leave_gate()
            self.record.wanted = False
            await self._move(Cause.FAILED, _words(error))
            return None
        finally:
            self._preparing = None
        if process is None:
            self._leave_gate()
            await self._move(Cause.STOP)
            await self._move(Cause.ENDED)
            return None
        self.record.process = process.identity
        self.record.started = self.context.clock()
        await self.reach("image")
        return process

    async def _oversee(self, process: Process) -> Exit | None:
        """Watch a run to its end and return how it ended; None when it was ended because the user wished it."""
        self.process = process
        oversight = Oversight(self, process)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._bound_gate)
                status = await oversight.run()
                nursery.cancel_scope.cancel()
        finally:
            self._let_go()
        if oversight.obeyed:
            return None
        return oversight.verdict or self._how_it_ended(status)

    async def _bound_gate(self) -> None:
        await trio.sleep(GATE_HOLD)
        self._leave_gate()

    def _how_it_ended(self, status: int | None) -> Exit:
        record = read_exit_untrusted(self.folder)
        if record is not None:
            return _from_record(record)
        if status is not None and status < 0:
            return Exit("crashed", -status, f"its process was ended by signal {-status}")
        if status is not None:
            return Exit("crashed", status, f"its process ended with status {status} and left no reason")
        return Exit("crashed", 0, "its process was killed or crashed, and left no reason")

    async def _after(self, exit_: Exit) -> None:
        """Act on the end of a run that the user did not wish: stop there, or wait for the next."""
        record, now = self.record, self.context.clock()
        record.runs = [*record.runs, Run(record.started or now, now, record.ready)][-RUNS:]
        if not record.wanted:
            await self._end()
            return
        record.process = record.started = None
        verdict = policy.decide(self._policy(), exit_, record.runs)
        if isinstance(verdict, GiveUp):
            record.wanted = False
            await self._move(Cause.FAILED if verdict.failed else Cause.ENDED, verdict.reason)
            return
        await self._back_off(verdict, exit_)

    async def _end(self) -> None:
        self.record.process = self.record.started = None
        await self._move(Cause.ENDED)

    async def _back_off(self, restart: Restart, exit_: Exit) -> None:
        why = f"{exit_.reason or exit_.kind}; restart {restart.attempt} in {restart.delay:g} s"
        self.record.restarts += 1
        await self._move(Cause.RETRY, why)
        with trio.move_on_after(restart.delay):
            await self.bell.until(lambda: not self.record.wanted)
        if not self.record.wanted:
            await self._move(Cause.STOP)

    def _policy(self) -> policy.Policy:
        restart = self.config.restart
        return policy.Policy(
            restarts=restart.policy,
            attempts=restart.max_retries or None,
            delay=restart.delay,
            longest=restart.max_delay,
            stable=restart.reset_after,
        )

    async def reach(self, stage: Stage) -> None:
        """Note that the guest reached `stage`; it is ready once that is the stage that it is to reach."""
        stages: tuple[Stage, ...] = ("", *STAGES)
        if stages.index(stage) > stages.index(self.record.stage):
            self.record.stage = stage
            self._publish(Event(time=self.context.clock(), kind="stage", stage=stage))
            await self.save()
        wait_for = "image" if self.config.wait_for == "none" else self.config.wait_for
        if self.state == State.STARTING and stages.index(self.record.stage) >= stages.index(wait_for):
            self._leave_gate()
            self.record.ready = True
            await self._move(Cause.READY)
        self.bell.ring()

    async def rebooted(self, boots: int) -> None:
        """Note that the guest restarted itself within its process."""
        self.record.boots = boots
        self.record.stage = ""
        await self._move(Cause.REBOOT, "the guest rebooted")
        await self.reach("image")

    async def stopping(self, reason: str | None = None) -> None:
        """Note that its process is being ended."""
        await self._move(Cause.STOP, reason)

    async def refresh(self) -> None:
        """Ask the vkernel anew for what it says of itself."""
        try:
            self.status = await self.context.host.status(self.folder) if self.record.process else {}
        except OSError:
            self.status = {}

    def warn(self, message: str) -> None:
        """Tell the user something about the guest."""
        self._publish(Event(time=self.context.clock(), kind="log", message=message))

    async def save(self) -> None:
        """Write the record to the store. A store that fails is no reason to let the guest down."""
        if self._save is not None:
            try:
                await self._save(self)
            except StoreError as error:
                log.error("the state of %s/%s is not kept: %s", self.cluster, self.name, error)  # noqa: TRY400

    async def _move(self, cause: Cause, reason: str | None = None) -> None:
        state = move(self.record.state, cause)
        event = Event(time=self.context.clock(), kind="state", state=state.value, reason=reason)
        if state in {State.FAILED, State.BACKOFF}:
            event.detail = self.console_tail()
            self.record.detail = event.detail
        if state in {State.STOPPED, State.STARTING}:
            self.record.stage = ""
        self.record.state, self.record.reason = state, reason
        self._publish(event)
        await self.save()
        self.bell.ring()

    def _publish(self, event: Event) -> None:
        event.cluster, event.guest = self.cluster, self.name
        self.context.publish(event)

    def console_tail(self) -> str | None:
        """Return the last lines of the console; None when it said nothing."""
        try:
            with (self.folder / CONSOLE_LOG).open("rb") as file:
                file.seek(max(0, file.seek(0, 2) - _TAIL_BYTES))
                lines = tail(file.read(_TAIL_BYTES), TAIL)
        except OSError:
            return None
        return "\n".join(lines) or None

    def _leave_gate(self) -> None:
        if self._in_gate:
            self._in_gate = False
            self.context.gate.release_on_behalf_of(self)

    def _let_go(self) -> None:
        self._leave_gate()
        if self.process is not None:
            self.process.close()
            self.process = None


def _from_record(record: ExitRecord) -> Exit:
    return Exit(record.kind, record.code, record.reason)


def _words(error: Exception) -> str:
    hint = getattr(error, "hint", None)
    return f"{error}; {hint}" if hint else str(error)
