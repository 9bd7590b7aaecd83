"""Resolve one guest's merged keys: defaults filled in, paths absolute, addresses as far as the file gives them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from vkd.config import values
from vkd.config.addresses import mac_for, numbered
from vkd.config.layers import Merged
from vkd.config.model import Disk, Guest, GuestFile, Network, Nic, Restart, Ssh, WaitFor
from vkd.config.passed import PORT_KEYS
from vkd.config.problem import Problems
from vkd.config.schema import DiskTable, FileTable, GuestTable, NicTable, RestartTable, SshTable

#: Address of a card that is still to be chosen.
TO_CHOOSE = ""

_WORDS_OF_FIRMWARE = ("builtin", "none")


@dataclass(frozen=True)
class Surroundings:
    """What a guest is resolved in: the cluster's name and networks, the file's folder, the problems so far."""

    cluster: str
    networks: dict[str, Network]
    folder: Path
    problems: Problems


def resolve_guest(name: str, merged: Merged, around: Surroundings) -> Guest:
    """Return guest `name`; cards whose address the file leaves open have :data:`TO_CHOOSE`."""
    keys = msgspec.convert(merged.keys, GuestTable)
    folder, problems = around.folder, around.problems
    nics = _nics(name, keys, merged, around)
    kernel = absolute(keys.kernel, folder) if keys.kernel else None
    if merged.image is None and kernel is None and keys.firmware in _WORDS_OF_FIRMWARE:
        problems.add(
            merged.origin("image"), "the guest has nothing to boot", allowed="an image, a kernel or a firmware"
        )
    ssh = keys.ssh or SshTable()
    return Guest(
        name=name,
        host=None if keys.host is UNSET else keys.host,
        image=merged.image,
        kernel=kernel,
        initrd=absolute(keys.initrd, folder) if keys.initrd else None,
        firmware=keys.firmware if keys.firmware in _WORDS_OF_FIRMWARE else absolute(keys.firmware, folder),
        cmdline=None if keys.cmdline is UNSET else keys.cmdline,
        append=keys.append,
        cpus=keys.cpus,
        memory=values.memory(keys.memory),
        translate=keys.translate,
        windows=keys.windows,
        nics=nics,
        disks=tuple(_disk(disk, folder) for disk in keys.disks if isinstance(disk, DiskTable)),
        forwards=tuple(values.forward(forward) for forward in keys.forwards),
        restart=_restart(keys.restart if isinstance(keys.restart, RestartTable) else RestartTable()),
        wait_for=_wait_for(keys, merged, nics, around),
        boot_stall=values.duration(keys.boot_stall),
        stop_timeout=values.duration(keys.stop_timeout),
        ssh=Ssh(
            user=ssh.user,
            port=ssh.port,
            authorized_keys=tuple(absolute(key, folder) for key in ssh.authorized_keys),
        ),
        env=keys.env,
        files=_files(keys, merged, folder, problems),
        run=tuple(keys.run),
    )


def _nics(guest: str, keys: GuestTable, merged: Merged, around: Surroundings) -> tuple[Nic, ...]:
    networks, problems = around.networks, around.problems
    if keys.nics is UNSET:
        tables = [NicTable(network=network) for network in list(networks)[:1]]
        if len(networks) > 1:
            hint = f"say networks = [...] with some of: {', '.join(networks)}; or networks = []"
            problems.add(merged.origin("nics"), "there are several networks, and the guest names none", hint=hint)
    else:
        tables = []
        for at, table in enumerate(keys.nics):
            if table.network in networks:
                _check_address(table, networks[table.network], merged, at, problems)
                tables.append(table)
            else:
                _unknown_network(table.network, networks, merged, at, problems)
    nics = (
        Nic(
            network=nic.network,
            mac=values.mac(nic.mac or "02:00:00:00:00:00"),
            address=nic.address or TO_CHOOSE,
            fixed=bool(nic.address),
            port=with_absolute_paths(
                {key: value for key in PORT_KEYS if (value := getattr(nic, key)) is not UNSET}, around.folder
            ),
        )
        for nic in tables
    )
    return tuple(
        nic if table.mac else replace(nic, mac=mac_for(around.cluster, guest, nic.network, ordinal))
        for table, (ordinal, nic) in zip(tables, numbered(nics), strict=True)
    )


def _unknown_network(name: str, networks: dict[str, Network], merged: Merged, at: int, problems: Problems) -> None:
    near = values.nearest(name, networks)
    problems.add(
        merged.origin("nics", at, "network"),
        f"there is no network {name!r}",
        allowed=", ".join(networks),
        hint=f"did you mean {near!r}?" if near else None,
    )


def _check_address(nic: NicTable, network: Network, merged: Merged, at: int, problems: Problems) -> None:
    if nic.address is UNSET:
        return
    subnet, address = IPv4Network(network.subnet), IPv4Address(nic.address)
    where = merged.origin("nics", at, "address")
    if address not in subnet:
        problems.add(where, f"{address} is outside {subnet}, the subnet of network {network.name!r}")
    elif address in {subnet.network_address, subnet.broadcast_address}:
        problems.add(where, f"{address} is the network's or the broadcast address of {subnet}")
    elif network.gateway and nic.address == network.gateway_address:
        problems.add(where, f"{address} is the address of the gateway of network {network.name!r}")
    elif network.gateway and nic.address == network.dns_address:
        problems.add(where, f"{address} is the address of the DNS of network {network.name!r}")


def _wait_for(keys: GuestTable, merged: Merged, nics: tuple[Nic, ...], around: Surroundings) -> WaitFor:
    networks, problems = around.networks, around.problems
    unknown = keys.nics is not UNSET and len(nics) < len(keys.nics)  # told already; what follows from it is not
    reachable = unknown or any(networks[nic.network].gateway for nic in nics)
    if keys.forwards and not reachable:
        problems.add(merged.origin("forwards"), "forwards need a network with a gateway, and the guest is on none")
    if keys.wait_for is UNSET:
        if merged.image is None:
            return "kernel"
        if reachable:
            return "ssh"
        return "link" if nics else "init"
    if keys.wait_for == "ssh" and not reachable:
        problems.add(merged.origin("wait_for"), "ssh needs a network with a gateway, and the guest is on none")
    if keys.wait_for == "link" and not nics and not unknown:
        problems.add(merged.origin("wait_for"), "the guest has no network card whose link could come up")
    return keys.wait_for


def _restart(keys: RestartTable) -> Restart:
    return Restart(
        policy=keys.policy,
        max_retries=keys.max_retries,
        delay=values.duration(keys.delay),
        max_delay=values.duration(keys.max_delay),
        reset_after=values.duration(keys.reset_after),
    )


def _disk(disk: DiskTable, folder: Path) -> Disk:
    size = None if disk.size is UNSET else values.size(disk.size)
    return Disk(path=absolute(disk.path, folder), readonly=disk.readonly, size=size)


def _files(keys: GuestTable, merged: Merged, folder: Path, problems: Problems) -> dict[str, GuestFile]:
    files = {}
    for name, table in keys.files.items():
        assert isinstance(table, FileTable)  # noqa: S101 - layers writes out the short form
        if table.source and table.content is not UNSET:
            problems.add(merged.origin("files", name), "give content or source, not both")
        source = absolute(table.source, folder) if table.source else None
        content = None if source else table.content or ""
        files[name] = GuestFile(content=content, source=source, mode=values.mode(table.mode))
    return files


#: Files in the switch's keys: by the tables that they are in.
_FILES = {"tunnel": ("key",), "peers": ("psk",), "capture": ("file",)}


def with_absolute_paths(keys: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return keys of a switch or of a port with its files seen from `folder`; what is wrong stays as it is."""
    done = dict(keys)
    for key, value in keys.items():
        if key == "ports":
            done[key] = [with_absolute_paths(port, folder) for port in value]
        elif key in _FILES and isinstance(value, list):
            done[key] = [_with_files(one, _FILES[key], folder) for one in value]
        elif key in _FILES:
            done[key] = _with_files(value, _FILES[key], folder)
        elif key == "remote" and isinstance(value, str) and value:
            done[key] = absolute(value, folder)
    return done


def _with_files(table: Any, names: tuple[str, ...], folder: Path) -> Any:
    if not isinstance(table, dict):
        return table
    files = {name: absolute(table[name], folder) for name in names if isinstance(table.get(name), str) and table[name]}
    return {**table, **files}


def absolute(path: str, folder: Path) -> str:
    """Return `path` seen from `folder`; `~` is the user's home."""
    try:
        expanded = Path(path).expanduser()
    except RuntimeError:  # no such user
        expanded = Path(path)
    return os.path.normpath(folder / expanded)
