"""The switch daemon: a trio control plane around the datapath."""

import logging
import os
import resource
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import trio

from vether import __version__, edit, flush, wrappers
from vether.config import Spec, convert_untrusted, load
from vether.control import ControlError
from vether.control.aio import Call, serve
from vether.errors import HostLacksError, SpecError, VetherError
from vether.folder import Folder, claim
from vether.metrics import snapshot
from vether.metrics.page import Page
from vether.monitor import Feed
from vether.monitor.service import monitor
from vether.monitor.watch import Watch
from vether.neighbours.service import Neighbours
from vether.neighbours.spec import host_address
from vether.network import Network
from vether.services import shell
from vether.systemd.journal import is_journal
from vether.systemd.notify import Notifier

log = logging.getLogger(__name__)

#: Stable codes of control errors.
_CODES = {SpecError: "invalid", HostLacksError: "host-lacks"}

#: Seconds between looks at whether the datapath lives.
_WATCH_PERIOD = 2.0

OPERATIONS = ("apply", "reload", "add", "set", "show", "netem", "capture", "flush", "monitor", "ping", "stop")

VIEWS = (
    *("ports", "fdb", "stats", "forwards", "vlans", "groups", "peers", "netem", "captures"),
    *("stp", "loops", "neighbours", "spec"),
)


class Daemon:
    """The operations of the control socket; see docs/vether.md."""

    def __init__(
        self,
        network: Network,
        services: shell.Services,
        neighbours: Neighbours,
        feed: Feed,
        *,
        file: Path | None = None,
        manager: Notifier | None = None,
    ) -> None:
        """`file`: what the specification was read from; `manager`: the service manager, who wants to hear of us."""
        self._network = network
        self._services = services
        self._neighbours = neighbours
        self._feed = feed
        self.watch = Watch(network, feed)
        self._file = file
        self._manager = manager or Notifier()
        self._follow()
        self.stopped = trio.Event()
        #: Why it stopped, if that was not asked for.
        self.failure: str | None = None

    async def apply(self, call: Call) -> dict[str, Any]:
        """Make the switch equal to the given specification."""
        return self._apply(lambda: convert_untrusted(call.args.get("spec")))

    async def reload(self, _call: Call) -> dict[str, Any]:
        """Make the switch equal to the file that it was started with, as that is now."""
        file = self._file
        if file is None:
            raise ControlError("failed", "the switch was not started from a file", "use `apply`")
        self._manager.reloading()
        try:
            return self._apply(lambda: load(file))
        finally:
            self._manager.ready(self.status())

    def status(self) -> str:
        """Return how the switch is in a few words."""
        ports = self._network.switch.ports()
        return f"{self._network.spec.name}: {sum(bool(port['carrier']) for port in ports)} of {len(ports)} ports up"

    async def add(self, call: Call) -> dict[str, Any]:
        """Add one port to what there is."""
        return self._apply(lambda: edit.add_untrusted(self._network.spec, call.args.get("port")))

    async def delete(self, call: Call) -> dict[str, Any]:
        """Remove one port."""
        return self._apply(lambda: edit.remove_untrusted(self._network.spec, call.args.get("name")))

    async def set(self, call: Call) -> dict[str, Any]:
        """Change some keys of one port."""
        name, changes = call.args.get("name"), call.args.get("changes")
        return self._apply(lambda: edit.change_untrusted(self._network.spec, name, changes))

    def _apply(self, make: Callable[[], Spec]) -> dict[str, Any]:
        before, changed, failure = self._network.spec, [], None
        try:
            spec = make()
            try:
                changed = self._network.apply(spec)
            except VetherError as error:
                failure = error.message
                raise
            finally:
                self._services.configure(self._network.spec)
                self._follow()
                self.watch.applied(before, changed, failure)
        except VetherError as error:
            raise ControlError(_CODES.get(type(error), "failed"), error.message, error.hint) from error
        return {"changed": changed, "forwards": self._network.forwards()}

    async def show(self, call: Call) -> Any:
        """Show ports, fdb, stats, forwards, vlans, groups, peers, netem, captures, stp, loops, neighbours or spec."""
        what = call.args.get("what")
        if what not in VIEWS:
            raise ControlError("invalid", f"cannot show {what!r}", f"what there is: {', '.join(VIEWS)}")
        views = {"stp": "show_stp", "loops": "show_loops", "neighbours": "show_neighbours"}
        if what in views:
            return getattr(self._neighbours, views[str(what)])()
        return self._network.show(str(what))

    async def netem(self, call: Call) -> list[dict[str, Any]]:
        """Change what a port suffers from, setting by setting; return what it is then."""
        return wrappers.netem_untrusted(self._network, call.args)

    async def capture(self, call: Call) -> dict[str, Any]:
        """Stream a capture as events of bytes, until the client hangs up."""
        return await wrappers.capture_untrusted(self._network.switch, call)

    async def flush(self, call: Call) -> dict[str, Any]:
        """Forget learned addresses or multicast groups."""
        done = flush.flush_untrusted(self._network.switch, call.args)
        self._feed.publish("flushed", **{**call.args, **done})
        return done

    async def monitor(self, call: Call) -> dict[str, Any]:
        """Tell what happens, until the client hangs up."""
        return await monitor(self.watch, self._network.spec.name, call)

    async def ping(self, _call: Call) -> dict[str, Any]:
        """Tell who answers."""
        return {"version": __version__, "pid": os.getpid(), "name": self._network.spec.name}

    async def stop(self, _call: Call) -> None:
        """Stop, after the answer."""
        self.stopped.set()

    def _follow(self) -> None:
        """Have spanning tree, loop detector and LLDP as they are specified now."""
        spec = self._network.spec
        for name in self._network.take_opened():
            self._neighbours.forget(name)
        peers = frozenset(port.name for port in spec.ports if port.reserved == "peer")
        self._neighbours.configure(
            spec.stp, spec.lldp, spec.stp_ports, loops=spec.loop, mute=spec.mute_ports, peers=peers
        )

    async def guard(self) -> None:
        """Stop when the datapath has ended by itself: a switch that moves no frames must not look alive."""
        while True:
            await trio.sleep(_WATCH_PERIOD)
            try:
                self._network.switch.ports()
            except RuntimeError as error:
                self.failure = f"the datapath has ended: {error}"
                log.exception("the datapath has ended")
                self.stopped.set()
                return


async def run(
    spec: Spec,
    folder: Folder,
    *,
    file: Path | None = None,
    metrics: str | None = None,
    manager: Notifier | None = None,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve `spec`, read from `file`, out of `folder` until `stop`, SIGTERM or SIGINT. Raises `VetherError`.

    `metrics` is the address for metrics if `spec` gives none. `manager` hears when the switch is ready, reloads and
    stops, and that it is alive.
    """
    _allow_many_files()
    manager = manager or Notifier()
    with claim(folder), _log_to(folder.log), trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        network = Network(folder, spec, metrics)
        try:
            switch = network.switch
            services = shell.Services(spec, lambda frame: switch.inject("gateway", frame))
            feed = Feed()
            network.peers.publish = feed.publish
            neighbours = Neighbours(switch, spec.name, host_address(folder.path), publish=feed.publish)
            daemon = Daemon(network, services, neighbours, feed, file=file, manager=manager)
            network.metrics.page = Page(lambda: snapshot.take(network, neighbours, feed))
            operations = {name: getattr(daemon, name) for name in OPERATIONS}
            operations["del"] = daemon.delete
            async with trio.open_nursery() as nursery:
                await nursery.start(serve, folder.control, operations)
                nursery.start_soon(shell.serve, services, switch.punt_fd(), switch.take, neighbours.receive_untrusted)
                nursery.start_soon(neighbours.run)
                nursery.start_soon(network.captures.write)
                nursery.start_soon(daemon.guard)
                nursery.start_soon(daemon.watch.run)
                nursery.start_soon(network.metrics.serve)
                nursery.start_soon(network.peers.watch)
                nursery.start_soon(_stop_on_signal, signals, daemon)
                nursery.start_soon(manager.run, daemon.status)
                log.info("%s: %d ports, process %d", spec.name, len(spec.ports), os.getpid())
                manager.ready(daemon.status())
                task_status.started()
                await daemon.stopped.wait()
                manager.stopping()
                feed.publish("end", reason=daemon.failure or "asked to stop")
                feed.end()
                # The answer to `stop` is on its way; give it a moment to get out.
                await trio.sleep(0.05)
                nursery.cancel_scope.cancel()
            neighbours.close()
            if daemon.failure is not None:
                raise VetherError(daemon.failure, hint=f"this is a defect; {folder.log} has more")
        finally:
            network.close()
        log.info("%s: stopped", spec.name)


def _allow_many_files() -> None:
    """Take all the file descriptors that the system grants: each connection of a guest through the gateway is one."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _stop_on_signal(signals: Any, daemon: Daemon) -> None:
    async for number in signals:
        log.info("stopping: %s", signal.Signals(number).name)
        daemon.stopped.set()


class _log_to:  # noqa: N801 - reads as a verb
    """Write the log to a file while the daemon runs, and to the journal if there is one: the file may go with us."""

    def __init__(self, path: Path) -> None:
        self._handlers: list[logging.Handler] = [logging.FileHandler(path)]
        self._handlers[0].setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        if is_journal():
            self._handlers.append(logging.StreamHandler())

    def __enter__(self) -> None:
        logger = logging.getLogger("vether")
        for handler in self._handlers:
            logger.addHandler(handler)
        logger.setLevel(logging.INFO)

    def __exit__(self, *_: object) -> None:
        for handler in self._handlers:
            logging.getLogger("vether").removeHandler(handler)
            handler.close()
