"""What a guest needs before its vkernel starts: image, disks, its identity archive and `spec.json`."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from vkd import images
from vkd.config.model import Cluster, Disk, Guest, Nic
from vkd.errors import HostLacksError, VkdError
from vkd.images import File, Identity, Image, Interface, Progress
from vkd.supervisor.keys import Keys
from vkd.vkernel import spec

IDENTITY = "identity.cpio"


def check_files(guest: Guest) -> None:
    """Raise `VkdError` that names the first file of `guest` that is not there or cannot be read."""
    needed = [("kernel", guest.kernel), ("initrd", guest.initrd)]
    if guest.firmware not in {"builtin", "none"}:
        needed.append(("firmware", guest.firmware))
    needed += [("disk", disk.path) for disk in guest.disks if disk.size is None]
    needed += [("file", given.source) for given in guest.files.values() if given.source]
    needed += [("authorized_keys", path) for path in guest.ssh.authorized_keys]
    for kind, path in needed:
        if path is not None:
            _check_readable(guest.name, kind, Path(path))
    for disk in guest.disks:
        if not disk.readonly and Path(disk.path).exists() and not os.access(disk.path, os.W_OK):
            raise VkdError(f"guest {guest.name}: disk {disk.path} cannot be written", hint="or set readonly = true")


async def get_image(
    guest: Guest, mirror: str | None = None, progress: Callable[[Progress], None] | None = None
) -> Image | None:
    """Return the guest's image, built from `mirror` if it must be, or None when it names none."""
    return await images.ensure(guest.image, mirror=mirror, progress=progress) if guest.image else None


def memory_of(guest: Guest, image: Image | None) -> int:
    """Return the RAM of its machine, bytes: what the guest asks for, or what its image's kernel cannot do without."""
    if image is None or guest.kernel is not None:
        return guest.memory
    return max(guest.memory, image.minimum_memory + (guest.cpus - 1) * image.memory_per_hart)


def write_spec(
    cluster: Cluster, guest: Guest, *, image: Image | None, keys: Keys, folder: Path, ports: Sequence[str]
) -> None:
    """Put `spec.json` and the identity archive into `folder` and make missing disks. Raises `VkdError`.

    `ports` gives, for each card, the switch's socket that it connects to.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    initrd = guest.initrd or (str(image.initrd) if image else None)
    archives = []
    if initrd is not None:
        archive = folder / IDENTITY
        _write_private(archive, identity(cluster, guest, keys).cpio())
        archives = [initrd, str(archive)]
    for disk in guest.disks:
        _make_disk(guest.name, disk)
    cmdline = guest.cmdline if guest.cmdline is not None else (image.cmdline if image else "")
    given = spec.Spec(
        cluster=cluster.name,
        name=guest.name,
        memory=memory_of(guest, image),
        cpus=guest.cpus,
        kernel=guest.kernel or (str(image.kernel) if image else None),
        initrd=archives,
        cmdline=" ".join(part for part in (cmdline, guest.append) if part),
        firmware=guest.firmware,
        translate=guest.translate,
        windows=guest.windows,
        disks=[spec.Disk(disk.path, disk.readonly) for disk in guest.disks],
        nics=[spec.Nic(port, nic.mac) for port, nic in zip(ports, guest.nics, strict=True)],
    )
    spec.write_atomically(folder / spec.SPEC, given)


def identity(cluster: Cluster, guest: Guest, keys: Keys) -> Identity:
    """Return what makes `guest` itself inside. Raises `VkdError` naming the file that cannot be read."""
    lines = [keys.login_line]
    for path in guest.ssh.authorized_keys:
        lines += [line for line in _read(guest.name, Path(path)).decode(errors="replace").splitlines() if line.strip()]
    files = tuple(
        File(
            path,
            given.content.encode() if given.content is not None else _read(guest.name, Path(given.source or "")),
            given.mode,
        )
        for path, given in guest.files.items()
    )
    try:
        return Identity(
            hostname=guest.name,
            interfaces=tuple(
                _interface(cluster, nic, first=number == _route(cluster, guest))
                for number, nic in enumerate(guest.nics)
            ),
            hosts=hosts(cluster, guest),
            host_key=keys.hosts[guest.name],
            authorized_keys=tuple(line for line in lines if not line.startswith("#")),
            files=files,
            environment=guest.env,
            run="\n".join(guest.run) if guest.run else None,
        )
    except ValueError as error:
        raise VkdError(f"guest {guest.name}: {error}") from error


def hosts(cluster: Cluster, guest: Guest) -> dict[str, str]:
    """Return the names that `guest` knows: every other guest, at its address on a network that both are on."""
    mine = {nic.network for nic in guest.nics}
    names: dict[str, str] = {}
    cards = {name: other.nics for name, other in cluster.guests.items()}
    cards |= {name: other.nics for name, other in cluster.elsewhere.items()}
    for name, nics in cards.items():
        shared = next((nic for nic in nics if nic.network in mine), None)
        if shared is not None and name != guest.name:
            names[name] = shared.address
            names.setdefault(f"{name}.{cluster.networks[shared.network].domain}", shared.address)
    return names


def _route(cluster: Cluster, guest: Guest) -> int | None:
    """Return which card the default route goes through: the first on a network with a gateway."""
    return next((number for number, nic in enumerate(guest.nics) if cluster.networks[nic.network].gateway), None)


def _interface(cluster: Cluster, nic: Nic, *, first: bool) -> Interface:
    network = cluster.networks[nic.network]
    prefix = network.subnet.split("/")[1]
    return Interface(
        mac=nic.mac.lower(),
        addresses=(f"{nic.address}/{prefix}",),
        gateway=network.gateway_address if first else None,
        dns=(network.dns_address,) if first and network.dns_address else (),
        mtu=network.mtu,
    )


def _make_disk(guest: str, disk: Disk) -> None:
    path = Path(disk.path)
    if disk.size is None or path.exists():
        return
    temporary = path.with_name(f".{path.name}.new")
    try:
        with temporary.open("wb") as file:
            file.truncate(disk.size)
        temporary.rename(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise HostLacksError(f"guest {guest}: cannot make the disk {path}: {error.strerror}") from error


def _check_readable(guest: str, kind: str, path: Path) -> None:
    if not path.exists():
        raise VkdError(
            f"guest {guest}: the {kind} {path} does not exist", hint="correct the path in the cluster's file"
        )
    if path.is_dir() or not os.access(path, os.R_OK):
        raise VkdError(f"guest {guest}: the {kind} {path} cannot be read", hint="check what it is, and its rights")


def _read(guest: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise VkdError(f"guest {guest}: {path}: {error.strerror}") from error


def _write_private(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_bytes(data)
    temporary.chmod(0o600)
    temporary.replace(path)
