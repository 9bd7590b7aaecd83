"""One cluster: makes what runs like what is wished, and changes only what differs."""

import logging
import os
import shutil
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import trio

from vkd.api import Event, Row, SshTarget
from vkd.config import Changes, diff, keep_addresses
from vkd.config.memory import mebibytes
from vkd.config.model import Cluster as Config
from vkd.config.model import Guest as GuestConfig
from vkd.config.switchspec import ssh_network, switch_spec
from vkd.errors import ConfigError, HostLacksError, NotFoundError, VkdError
from vkd.images import Image, Progress
from vkd.paths import MAX_SOCKET_PATH
from vkd.supervisor import keys, prepare, wiring
from vkd.supervisor.context import Context
from vkd.supervisor.guest import Guest
from vkd.supervisor.keys import Keys
from vkd.supervisor.lifecycle import RUNNING
from vkd.supervisor.network import Network
from vkd.supervisor.ports import free_port
from vkd.supervisor.record import GuestRecord, Identity
from vkd.supervisor.records import Desired, Records
from vkd.supervisor.rows import row
from vkd.supervisor.sweep import sweep
from vkd.supervisor.switchhost import SwitchHost
from vkd.supervisor.tasks import Tasks
from vkd.vkernel import spec

log = logging.getLogger(__name__)

#: Gives the image of a guest, from the cluster's mirror if it names one.
GetImage = Callable[[GuestConfig, str | None, Callable[[Progress], None] | None], Awaitable[Image | None]]


class Cluster:
    """The guests and networks of one cluster. `apply` and `down` wait for each other."""

    def __init__(
        self,
        name: str,
        folder: Path,
        *,
        context: Context,
        switches: SwitchHost,
        records: Records,
        nursery: trio.Nursery,
        get_image: GetImage = prepare.get_image,
    ) -> None:
        self.name = name
        self.folder = folder
        self.source: str | None = None
        self.desired: Config | None = None
        self.guests: dict[str, Guest] = {}
        self.networks: dict[str, Network] = {}
        self._context = context
        self._switches = switches
        self._records = records
        self._tasks = Tasks(nursery)
        self._get_image = get_image
        self._keys: Keys | None = None
        self._lock = trio.Lock()
        self._applying: trio.CancelScope | None = None
        self._waiting = 0

    @property
    def gone(self) -> bool:
        """Whether it is down, and nobody is about to change that."""
        return self.desired is None and self._waiting == 0

    async def load(self, desired: Desired) -> None:
        """Take up a cluster that an earlier daemon left: adopt what runs, act on what ended."""
        self.desired, self.source = desired.cluster, desired.source
        self._keys = await self._records.keys(self.name)
        await self._make_keys(desired.cluster)
        known = await self._records.networks(self.name)
        records = await self._records.guests(self.name)
        for name, guest in desired.cluster.guests.items():
            self._add_guest(guest, records.get(name) or GuestRecord(wanted=False), run=False)
        for name in desired.cluster.networks:
            network = self._new_network(name, known)
            network.write(self._switch_spec(desired.cluster, name))
            self._tasks.start(("network", name), network.run)
        for name, guest_ in self.guests.items():
            self._tasks.start(("guest", name), guest_.run)

    async def apply(self, config: Config, source: str | None) -> Changes:
        """Make the cluster like `config`, and return what that changed.

        Guests are started, not waited for. Raises `VkdError` when something is missing; nothing has been changed when
        that is a file or an image.
        """
        self._waiting += 1
        try:
            return await self._apply(config, source)
        finally:
            self._waiting -= 1

    async def _apply(self, config: Config, source: str | None) -> Changes:
        async with self._lock:
            with trio.CancelScope() as self._applying:
                self.check_source(source)
                self.check_host(config)
                if self.desired is None:
                    await sweep(self.folder)
                changes = self.changes(config)
                new = keep_addresses(self.desired, config)
                await self._require(new, changes)
                await self._carry_out(new, source, changes)
                return changes
        raise VkdError(f"the cluster {self.name} was taken down meanwhile")

    def check_source(self, source: str | None) -> None:
        """Raise `ConfigError` if the cluster is that of another file than `source`; a file that moved is the same."""
        ours = self.source if self.desired is not None else None
        if source is None or ours is None or ours == source or not Path(ours).exists():
            return
        if not Path(source).exists() or not Path(source).samefile(ours):
            raise ConfigError(
                f"a cluster {self.name!r} runs already, from {ours}",
                hint=f"give one of them another name (`name = ...` in {source}), or end that one: vkd down {self.name}",
            )

    def check_host(self, config: Config) -> None:
        """Raise `ConfigError` if what runs is another host's part of the cluster than `config`."""
        ours = self.desired.host if self.desired is not None else config.host
        if ours != config.host:
            raise ConfigError(
                f"the cluster {self.name} runs here as {_host(ours)} already, not as {_host(config.host)}",
                hint=f"say which host this is (--host), or end it first: vkd down {self.name}",
            )

    def changes(self, config: Config) -> Changes:
        """Return what `apply` would change."""
        return diff(self.desired, keep_addresses(self.desired, config))

    async def down(self) -> None:
        """End everything and remove every trace; the user's disks stay."""
        if self._applying is not None:
            self._applying.cancel()
        async with self._lock:
            await self._stop_guests(self.guests)
            for name in tuple(self.guests):
                await self._remove_guest(name)
            async with trio.open_nursery() as nursery:
                for name in tuple(self.networks):
                    nursery.start_soon(self._remove_network, name)
            await self._records.forget(self.name)
            shutil.rmtree(self.folder, ignore_errors=True)
            # What comes after is a new cluster: these keys are no longer in the store.
            self.desired = self.source = self._keys = None

    def guest(self, name: str) -> Guest:
        """Return a guest. Raises `NotFoundError`."""
        try:
            return self.guests[name]
        except KeyError:
            self.check_here(name)
            raise NotFoundError.named("guest", name, self.guests) from None

    def check_here(self, name: str) -> None:
        """Raise `NotFoundError` if `name` is a guest of another host."""
        if self.desired is not None and (guest := self.desired.elsewhere.get(name)) is not None:
            raise NotFoundError(f"guest {name!r} of {self.name} runs on host {guest.host!r}", hint="run this there")

    def rows(self) -> list[Row]:
        """Return a row for each guest, in the order of the file."""
        return [row(guest) for guest in self.guests.values()]

    async def _require(self, new: Config, changes: Changes) -> None:
        """Check, and get, all that the guests to be started need, before anything is touched."""
        restarted = {name for name, change in changes.changed.items() if change.restart}
        idle = {name for name, guest in self.guests.items() if guest.state not in RUNNING}
        needy = [guest for name, guest in new.guests.items() if name in {*changes.added, *restarted, *idle}]
        for guest in needy:
            prepare.check_files(guest)
            self._check_paths(guest)
        for guest in {guest.image: guest for guest in needy}.values():
            await self._get_image(guest, new.mirror, self._report)

    def _check_paths(self, guest: GuestConfig) -> None:
        """Raise `HostLacksError` if the path of a socket of `guest` would be too long."""
        paths = [self.folder / guest.name / spec.CONTROL, self.folder / guest.name / spec.CONSOLE]
        paths += [wiring.port_socket(self.folder, guest, number) for number in range(len(guest.nics))]
        for path in paths:
            if len(os.fsencode(path)) > MAX_SOCKET_PATH:
                raise HostLacksError(
                    f"guest {guest.name}: a socket's path may have {MAX_SOCKET_PATH} bytes, and {path} has more",
                    hint="use shorter names, or set VKD_RUNTIME_DIR to a shorter path",
                )

    async def _carry_out(self, new: Config, source: str | None, changes: Changes) -> None:
        await self._make_keys(new)
        self.source = source
        await self._records.put_cluster(Desired(new, source))
        ended = [*changes.removed, *(name for name, change in changes.changed.items() if change.restart)]
        await self._stop_guests(ended)
        for name in changes.removed:
            await self._remove_guest(name)
        for name in changes.removed_networks:
            await self._remove_network(name)
        self.desired = new
        for name, guest in new.guests.items():
            if name in self.guests:
                self.guests[name].config = guest
            else:
                self._add_guest(guest, GuestRecord(wanted=False))
        # In the order of the file, whatever was there before.
        self.guests = {name: self.guests[name] for name in new.guests}
        refusals = await self._wire(new)
        for guest_ in self.guests.values():
            guest_.start()
        if refusals:
            raise refusals[0]

    async def _wire(self, new: Config) -> list[VkdError]:
        """Have each network's switch as `new` says; return what those that run refuse."""
        refusals: list[VkdError] = []
        for name in new.networks:
            network = self.networks.get(name)
            if network is None:
                network = self._new_network(name, {})
                network.write(self._switch_spec(new, name))
                self._tasks.start(("network", name), network.run)
                continue
            try:
                await network.apply(self._switch_spec(new, name))
            except VkdError as error:
                # The switch goes on as it was, and so do the guests.
                refusals.append(type(error)(f"network {name}: {error.message}", hint=error.hint))
        for network in self.networks.values():
            await network.answered()
        return refusals

    async def _stop_guests(self, names: Iterable[str]) -> None:
        async with trio.open_nursery() as nursery:
            for name in names:
                nursery.start_soon(self.guests[name].stopped)

    async def _remove_guest(self, name: str) -> None:
        await self._tasks.stop(("guest", name))
        guest = self.guests.pop(name)
        await self._records.forget_guest(self.name, name)
        shutil.rmtree(guest.folder, ignore_errors=True)

    async def _remove_network(self, name: str) -> None:
        await self._tasks.stop(("network", name))
        network = self.networks.pop(name)
        await network.stop()
        await self._records.put_network(self.name, name, None)
        shutil.rmtree(network.folder, ignore_errors=True)

    def _add_guest(self, config: GuestConfig, record: GuestRecord, *, run: bool = True) -> None:
        if record.ssh_port is None and ssh_network(self._config(), config) is not None:
            record.ssh_port = free_port(self._taken_ports())
        guest = Guest(
            self._context,
            self.name,
            config,
            self.folder / config.name,
            self._prepare,
            record=record,
            save=self._save,
            target=self._target,
        )
        self.guests[config.name] = guest
        if run:
            self._tasks.start(("guest", config.name), guest.run)

    def _new_network(self, name: str, known: dict[str, Identity]) -> Network:
        network = Network(
            self._context,
            self._switches,
            self.name,
            name,
            wiring.network_folder(self.folder, name),
            known=known.get(name),
            save=self._save_network,
        )
        self.networks[name] = network
        return network

    async def _prepare(self, guest: Guest) -> None:
        image = await self._get_image(guest.config, self._config().mirror, self._report)
        if self._keys is None:
            raise VkdError(f"the cluster {self.name} has no keys", hint="run `vkd up` again")
        sockets = [
            str(wiring.port_socket(self.folder, guest.config, number)) for number, _nic in enumerate(guest.config.nics)
        ]
        memory = prepare.memory_of(guest.config, image)
        if memory != guest.config.memory:
            had, needs = mebibytes(guest.config.memory), mebibytes(memory)
            guest.warn(f"the kernel of its image does not start in {had}: the machine has {needs}")
        guest.record.memory = memory
        prepare.write_spec(
            self._config(), guest.config, image=image, keys=self._keys, folder=guest.folder, ports=sockets
        )

    def _config(self) -> Config:
        if self.desired is None:
            raise VkdError(f"the cluster {self.name} is down")
        return self.desired

    def _switch_spec(self, config: Config, name: str) -> dict[str, Any]:
        return switch_spec(config, name, {guest.name: guest.record.ssh_port for guest in self.guests.values()})

    def _target(self, guest: Guest) -> SshTarget | None:
        if guest.record.ssh_port is None:
            return None
        folder = self.folder / keys.FOLDER
        return SshTarget(
            host="127.0.0.1",
            port=guest.record.ssh_port,
            user=guest.config.ssh.user,
            key=str(folder / keys.IDENTITY),
            known_hosts=str(folder / keys.KNOWN_HOSTS),
            alias=keys.alias(self.name, guest.name),
        )

    async def _make_keys(self, config: Config) -> None:
        ours = self._keys or keys.new_keys(self.name)
        if keys.add_hosts(ours, list(config.guests)) or self._keys is None:
            await self._records.put_keys(self.name, ours)
        self._keys = ours
        keys.write(ours, self.name, self.folder)

    async def _save(self, guest: Guest) -> None:
        await self._records.put_guest(self.name, guest.name, guest.record)

    async def _save_network(self, name: str, process: Identity | None) -> None:
        await self._records.put_network(self.name, name, process)

    def _taken_ports(self) -> set[int]:
        return {guest.record.ssh_port for guest in self.guests.values() if guest.record.ssh_port is not None}

    def _report(self, step: Progress) -> None:
        self._context.publish(
            Event(
                time=self._context.clock(),
                kind="progress",
                cluster=self.name,
                what=f"{step.phase} {step.file}",
                done=step.done,
                total=step.total or None,
            )
        )


def _host(name: str | None) -> str:
    return "the only host" if name is None else f"host {name!r}"
