"""The daemon's life: lock, store, what an earlier daemon left, the control socket, and an end without traces."""

import logging
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import trio

from vether.control import aio
from vether.systemd.notify import Notifier
from vkd.daemon.clusters import Clusters
from vkd.daemon.lock import only_daemon
from vkd.daemon.news import News
from vkd.daemon.service import Service
from vkd.daemon.spawn import LOG, running
from vkd.errors import HostLacksError, VkdError
from vkd.paths import control_socket, ensure_private, ensure_runtime_dir, state_dir
from vkd.store import SqliteStore
from vkd.supervisor.context import Context
from vkd.supervisor.host import LocalHost
from vkd.supervisor.records import Records
from vkd.supervisor.switchhost import LocalSwitchHost

log = logging.getLogger(__name__)

#: The store, in the state folder.
STORE = "vkd.db"

#: A daemon on demand ends so long after the last operation when there is no cluster, seconds.
LINGER = 2.0

#: A daemon waits so long for the one before it to end, seconds.
_PATIENCE = 5.0


@dataclass(frozen=True)
class Start:
    """How a daemon was started."""

    #: Whether it ends when nothing is left to do.
    on_demand: bool = False
    #: Called when the control socket answers.
    ready: Callable[[], None] = lambda: None
    #: The service manager that wants to hear of it.
    manager: Notifier = field(default_factory=Notifier)
    #: The control socket, if the service manager has made it already.
    control: socket.socket | None = None


def run(start: Start) -> None:
    """Serve until a signal, `shutdown`, or (on demand) until nothing is left to do. Raises `VkdError`.

    Guests and switches run on, except that a daemon without clusters removes its folders' contents.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    runtime = ensure_runtime_dir()
    state = ensure_private(state_dir())
    patience = _PATIENCE if start.on_demand else 0.0
    serving = False

    def begun() -> None:
        nonlocal serving
        serving = True
        start.ready()

    try:
        _run(runtime, state, patience, replace(start, ready=begun))
    except OSError as error:
        if serving:
            raise
        place = f"{error.filename}: " if error.filename else ""
        raise HostLacksError(
            f"the vkd daemon cannot start: {place}{error.strerror}",
            hint=f"look at the rights of {runtime} and {state}, and at the room on their disks",
        ) from error


def _run(runtime: Path, state: Path, patience: float, start: Start) -> None:
    with only_daemon(runtime, patience, running), only_daemon(state, patience):
        store = SqliteStore(state / STORE)
        empty = False
        try:
            try:
                empty = trio.run(_serve, runtime, store, start)
            except BaseExceptionGroup as group:
                raise _first(group) from group
        finally:
            if empty:
                store.remove()
            else:
                store.close()
        if empty and start.on_demand:
            (state / LOG).unlink(missing_ok=True)
    for folder in (runtime, state):
        with suppress(OSError):  # something is in it: guests, a log, or another daemon already
            folder.rmdir()


async def _serve(runtime: Path, store: SqliteStore, start: Start) -> bool:
    """Serve; return whether no cluster is left."""
    records, news = Records(store), News(store)
    context = Context(host=LocalHost(), publish=news.publish)
    async with trio.open_nursery() as nursery:

        def end() -> None:
            # The answer to the request that asked for it still goes out.
            nursery.start_soon(_cancel_soon, nursery.cancel_scope)

        clusters = Clusters(runtime, context=context, switches=LocalSwitchHost(), records=records, nursery=nursery)
        service = Service(clusters, news, nursery, end, on_demand=start.on_demand)
        nursery.start_soon(_end_on_signal, nursery.cancel_scope)
        await clusters.load()
        await nursery.start(partial(aio.serve, control_socket(), service.handlers(), inherited=start.control))
        start.ready()
        start.manager.ready(clusters.summary())
        nursery.start_soon(start.manager.run, clusters.summary)
        log.info("serving %s", control_socket())
        if start.on_demand:
            nursery.start_soon(_end_when_idle, clusters, service, nursery.cancel_scope)
    start.manager.stopping()
    log.info("ending")
    return clusters.empty and await records.empty()


async def _end_on_signal(scope: trio.CancelScope) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for number in signals:
            log.info("signal %d", number)
            scope.cancel()


async def _end_when_idle(clusters: Clusters, service: Service, scope: trio.CancelScope) -> None:
    while True:
        await trio.sleep(LINGER / 4)
        if clusters.empty and service.busy == 0 and trio.current_time() - service.last >= LINGER:
            scope.cancel()


async def _cancel_soon(scope: trio.CancelScope) -> None:
    await trio.sleep(0.1)
    scope.cancel()


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return an error within nested groups that the command line can show; else the group itself."""
    matching = group.subgroup((VkdError, OSError))
    while isinstance(matching, BaseExceptionGroup):
        inner = matching.exceptions[0]
        if not isinstance(inner, BaseExceptionGroup):
            return inner
        matching = inner
    return group
