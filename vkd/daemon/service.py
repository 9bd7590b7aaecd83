"""The daemon's operations, as :mod:`vkd.api` describes them."""

import logging
import os
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from functools import wraps
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import msgspec
import trio

from vether.control.aio import Call, Handler
from vkd.api import Event, Row, UpResult, to_control
from vkd.config import Changes
from vkd.config.model import Cluster as Config
from vkd.daemon.clusters import Clusters
from vkd.daemon.news import News
from vkd.errors import ConfigError, TimeoutExpired, VkdError
from vkd.profile.sample import Batch
from vkd.supervisor.guest import Guest
from vkd.supervisor.lifecycle import State
from vkd.supervisor.profile import profile
from vkd.supervisor.rows import inspection, load, row

log = logging.getLogger(__name__)

#: `ps` waits so long for vkernels to give their counters, seconds.
_FRESH = 0.15


class Service:
    """Answers requests. Work that changes something runs in `nursery`, so that a client that hangs up ends nothing."""

    def __init__(
        self,
        clusters: Clusters,
        news: News,
        nursery: trio.Nursery,
        end: Callable[[], None],
        *,
        on_demand: bool = False,
    ) -> None:
        self._on_demand = on_demand
        self._clusters = clusters
        self._news = news
        self._nursery = nursery
        self._end = end
        self._profiled: set[Guest] = set()
        #: Operations under way, and when the last one ended: a daemon on demand stays for them.
        self.busy = 0
        self.last = trio.current_time()

    def handlers(self) -> dict[str, Handler]:
        """Return every operation by name."""
        operations = {
            "ping": self._ping,
            "up": self._up,
            "down": self._down,
            "ps": self._ps,
            "start": self._start,
            "stop": self._stop,
            "restart": self._restart,
            "inspect": self._inspect,
            "top": self._top,
            "profile": self._profile,
            "events": self._events,
            "ssh": self._ssh,
            "shutdown": self._shutdown,
        }
        return {name: self._counted(operation) for name, operation in operations.items()}

    def _counted(self, operation: Handler) -> Handler:
        @wraps(operation)
        async def counted(call: Call) -> Any:
            self.busy += 1
            try:
                return await operation(call)
            except VkdError as error:
                raise to_control(error) from error
            except trio.BrokenResourceError:
                raise  # the client is gone
            except OSError as error:
                log.exception("operation %s failed", call.op)
                place = f"{error.filename}: " if error.filename else ""
                hint = "look at the room on the disk, and at the rights of the folder"
                raise to_control(VkdError(f"{call.op}: {place}{error.strerror or error}", hint=hint)) from error
            finally:
                self.busy -= 1
                self.last = trio.current_time()

        return counted

    async def _ping(self, _call: Call) -> dict[str, object]:
        await trio.lowlevel.checkpoint()
        try:
            number = version("vkd")
        except PackageNotFoundError:
            number = "unknown"
        return {"version": number, "pid": os.getpid(), "on_demand": self._on_demand}

    async def _up(self, call: Call) -> Any:
        config = _argument(call, "cluster", Config)
        source = _argument(call, "source", str | None, default=None)
        if _argument(call, "dry_run", bool, default=False):
            changes = self._clusters.changes(config, source)
            return _plain(UpResult(changes=_plain(changes)))
        timeout = _argument(call, "timeout", float | None, default=None)
        wait = _argument(call, "wait", bool, default=True)
        changes = Changes()

        async def work() -> None:
            nonlocal changes
            changes = await self._clusters.apply(config, source)
            if wait:
                await _settled(self._clusters.some(config.name)[0].guests.values())

        try:
            with trio.fail_after(float("inf") if timeout is None else timeout):
                await self._do(call, config.name, work)
        except trio.TooSlowError:
            late = [row.name for row in self._rows(config.name) if row.state not in {"ready", "failed"}]
            raise TimeoutExpired(
                f"after {timeout:g} s not yet ready: {', '.join(late) or config.name}",
                hint="they go on; see `vkd ps`, or run `vkd up` again to wait for them",
            ) from None
        return _plain(UpResult(changes=_plain(changes), guests=self._rows(config.name)))

    async def _down(self, call: Call) -> dict[str, list[str]]:
        name = _argument(call, "cluster", str | None, default=None)
        everything = _argument(call, "all", bool, default=False)
        names = [name] if name else list(self._clusters.by_name)
        if not name and not everything and len(names) > 1:
            raise ConfigError("there are several clusters", hint=f"name one of {', '.join(names)}, or give --all")
        if everything:
            names += self._clusters.strays()

        async def work() -> None:
            async with trio.open_nursery() as nursery:
                for one in names:
                    nursery.start_soon(self._clusters.down, one)

        await self._do(call, name, work)
        for one in names:
            self._news.forget(one)
        return {"clusters": names}

    async def _ps(self, call: Call) -> Any:
        name = _argument(call, "cluster", str | None, default=None)
        everything = _argument(call, "all", bool, default=False)
        await self._refresh(name)
        return _plain([row for row in self._rows(name) if everything or row.state != "stopped"])

    async def _refresh(self, cluster: str | None) -> list[Guest]:
        """Have the guests say anew what they do, as far as they say it soon; return them."""
        guests = [guest for one in self._clusters.some(cluster) for guest in one.guests.values()]
        with trio.move_on_after(_FRESH):
            async with trio.open_nursery() as nursery:
                for guest in guests:
                    nursery.start_soon(guest.refresh)
        return guests

    async def _top(self, call: Call) -> Any:
        guests = await self._refresh(_argument(call, "cluster", str | None, default=None))
        return _plain([found for guest in guests if guest.status and (found := load(guest)) is not None])

    async def _profile(self, call: Call) -> None:
        guest = self._clusters.guest(_argument(call, "guest", str))
        hz = _argument(call, "hz", int)
        seconds = _argument(call, "seconds", float | None, default=None)
        task_name = _argument(call, "task_name", int | None, default=None)
        self._must_run(guest)
        if guest in self._profiled:
            raise VkdError(f"guest {guest.name} is being profiled already", hint="end that profile first")

        async def send(batch: Batch) -> None:
            await call.send(_plain(batch))

        self._profiled.add(guest)
        try:
            await profile(guest.context.host, guest.folder, send, hz=hz, seconds=seconds, task_name=task_name)
        except OSError as error:
            raise VkdError(f"guest {guest.name} cannot be profiled: {error}", hint="see `vkd ps`") from error
        finally:
            self._profiled.remove(guest)

    async def _start(self, call: Call) -> Any:
        async def start(guest: Guest) -> None:
            guest.start()
            await guest.bell.until(lambda: guest.settled)

        return await self._each(call, start)

    async def _stop(self, call: Call) -> Any:
        return await self._each(call, Guest.stopped)

    async def _restart(self, call: Call) -> Any:
        async def restart(guest: Guest) -> None:
            await guest.stopped()
            guest.start()
            await guest.bell.until(lambda: guest.settled)

        return await self._each(call, restart)

    async def _each(self, call: Call, act: Callable[[Guest], Awaitable[None]]) -> Any:
        # All references are looked up before anything is done to any guest.
        guests = [self._clusters.guest(name) for name in _argument(call, "guests", list[str])]

        async def work() -> None:
            async with trio.open_nursery() as nursery:
                for guest in guests:
                    nursery.start_soon(act, guest)

        await self._do(call, None, work, {(guest.cluster, guest.name) for guest in guests})
        return _plain([row(guest) for guest in guests])

    async def _inspect(self, call: Call) -> Any:
        guest = self._clusters.guest(_argument(call, "guest", str))
        await guest.refresh()
        return _plain(inspection(guest, self._clusters.by_name[guest.cluster].source))

    async def _events(self, call: Call) -> None:
        cluster = _argument(call, "cluster", str | None, default=None)
        with self._news.follow(cluster) as follower:
            past = self._news.past(cluster)
            if not past:
                self._clusters.some(cluster)  # raises if there is none of that name
            for event in past:
                await call.send(_plain(event))
            if _argument(call, "follow", bool, default=False):
                # Following keeps a daemon on demand for as long as there is something to follow, no longer.
                self.busy -= 1
                try:
                    async for event in follower.events():
                        await call.send(_plain(event))
                finally:
                    self.busy += 1

    async def _ssh(self, call: Call) -> Any:
        guest = self._clusters.guest(_argument(call, "guest", str))
        await trio.lowlevel.checkpoint()
        self._must_run(guest)
        if guest.target is None:
            raise VkdError(
                f"guest {guest.name} is on no network with a gateway, so ssh cannot reach it",
                hint=f"set gateway = true on one of its networks, or use `vkd console {guest.cluster}/{guest.name}`",
            )
        return _plain(guest.target)

    async def _shutdown(self, _call: Call) -> None:
        await trio.lowlevel.checkpoint()
        self._end()

    def _must_run(self, guest: Guest) -> None:
        if guest.state not in {State.STARTING, State.READY, State.STOPPING}:
            why = f" ({guest.record.reason})" if guest.record.reason else ""
            raise VkdError(f"guest {guest.name} is {guest.state.value}{why}", hint=f"vkd start {guest.name}")

    def _rows(self, cluster: str | None) -> list[Row]:
        return [row for one in self._clusters.some(cluster) for row in one.rows()]

    async def _do(
        self,
        call: Call,
        cluster: str | None,
        work: Callable[[], Awaitable[None]],
        guests: set[tuple[str, str]] | None = None,
    ) -> None:
        """Run `work` apart from the caller and send it the events meanwhile, of `guests` if given; raise as it does."""
        failure: Exception | None = None

        with self._news.follow(cluster) as follower:
            done = trio.Event()

            async def apart() -> None:
                nonlocal failure
                self.busy += 1
                try:
                    await work()
                except Exception as error:
                    failure = error
                finally:
                    self.busy -= 1
                    self.last = trio.current_time()
                    done.set()

            async def tell() -> None:
                with suppress(trio.BrokenResourceError):  # it hung up; the work goes on
                    async for event in follower.events():
                        await self._tell(call, event, guests)

            self._nursery.start_soon(apart)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(tell)
                await done.wait()
                follower.finish()
        if failure is not None:
            raise _single(failure)

    async def _tell(self, call: Call, event: Event, guests: set[tuple[str, str]] | None) -> None:
        if guests is None or (event.cluster or "", event.guest or "") in guests:
            await call.send(_plain(event))


async def _settled(guests: Iterable[Guest]) -> None:
    for guest in list(guests):
        await guest.bell.until(lambda guest=guest: guest.settled)  # type: ignore[misc]


def _argument(call: Call, name: str, kind: Any, **default: object) -> Any:
    if name not in call.args and "default" in default:
        return default["default"]
    try:
        return msgspec.convert(call.args.get(name), kind)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{call.op}: argument {name}: {error}") from error


def _single(error: Exception) -> Exception:
    """Return the one error within nested groups, or the error itself."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _plain(value: object) -> Any:
    return msgspec.to_builtins(value)
