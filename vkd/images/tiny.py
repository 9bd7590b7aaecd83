"""The image `tiny`: Debian's kernel, and an initramfs with busybox, dropbear and the kernel modules a guest needs.

About 120 MB of packages become a kernel of 31 MB and an initramfs of 8 MB that boots to ssh in 96 MB of memory.
The same packages and the same recipe give the same bytes.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from vkd.errors import ImageError
from vkd.images import cpio
from vkd.images.elf import dynamic_untrusted
from vkd.images.index import Package
from vkd.images.modules import Module, alias_table, closure, dependency_table, module_name
from vkd.images.unpack import members

NAME = "tiny"
SOURCES = ("tiny.py", "cpio.py", "modules.py", "elf.py")
"""The code whose change may make other bytes of the same packages."""

DEFAULT_CMDLINE = " ".join(
    [
        "console=ttyS0",
        "earlycon=sbi",
        "quiet",
        "panic=-1",
        "cryptomgr.notests",
        "initcall_blacklist=jent_mod_init",
    ]
)
"""Kernel parameters of a guest that names none; docs/images.md says why each."""

MINIMUM_MEMORY = 96 << 20
"""Bytes of guest-physical memory below which Debian's kernel does not reach ssh.

It takes 32 MB for itself and, on riscv64, 32 MB for the roots of its memory map however little memory there is
(`sparse_init`: 2^22 pointers for 56 bits of physical address); the initramfs is there twice while it is unpacked.
"""
MEMORY_PER_HART = 4 << 20
"""Bytes more for each hart after the first: 96 MB with four harts is now and then too little."""

KERNEL = "linux-image-riscv64"
PROGRAMS: Mapping[str, Mapping[str, str]] = {
    "busybox-static": {"usr/bin/busybox": "usr/bin/busybox"},
    "dropbear-bin": {"usr/sbin/dropbear": "usr/sbin/dropbear", "usr/bin/dbclient": "usr/bin/ssh"},
    # dropbear looks for it there, without OpenSSH's folder.
    "openssh-sftp-server": {"usr/lib/openssh/sftp-server": "usr/lib/sftp-server"},
}
"""Per package: the path of each program in it, and its path in the image."""

BOOT_MODULES = ("virtio_mmio", "virtio_net", "virtio_blk")
"""Loaded at every boot: they lie unpacked in the image."""
DEMAND_MODULES = (
    *("virtio_rng", "ext4", "crc32c_generic", "libcrc32c", "overlay", "squashfs", "loop"),
    *("tun", "veth", "bridge", "8021q", "9p", "9pnet_virtio"),
)
"""Loaded by modprobe when somebody asks: they stay as the package has them, compressed."""

LIKELY_MODULES = (
    *("net_failover", "failover", "jbd2", "mbcache", "crc16", "stp", "llc", "garp", "mrp", "9pnet", "netfs"),
)
"""What the others depend on as far as is known: taken in the first reading of the package, they save further ones."""

LIBRARY_FOLDER = "usr/lib/riscv64-linux-gnu"
LOADER = "usr/lib/ld-linux-riscv64-lp64d.so.1"
SECTIONS = {"libs", "kernel"}
"""The sections of the archive's index in which the other packages are found by name."""

Get = Callable[[Package], Path]
Check = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Built:
    """What a build makes: the kernel as the package has it, the pieces of the initramfs, and what they came from."""

    kernel: bytes
    initrd: Iterator[bytes]
    release: str
    packages: tuple[Package, ...]


def recipe() -> str:
    """Return the digest of all that shapes the image beside the packages: this code and the files that come with it."""
    digest = hashlib.sha256()
    for name in SOURCES:
        digest.update((files("vkd.images") / name).read_bytes())
    for entry in own_files():
        digest.update(repr(entry).encode())
    return digest.hexdigest()


def build(packages: Mapping[str, Package], get: Get, check: Check) -> Built:
    """Build the image from the index's `packages`; `get` returns the downloaded file of one.

    Raises ImageError that names what is missing or damaged.
    """
    used: dict[str, Package] = {}

    def take(name: str) -> Path:
        if name not in packages:
            raise ImageError(f"the archive has no package {name} for riscv64")
        used[name] = packages[name]
        return get(packages[name])

    programs = list(_programs(packages, take, check))
    meta = packages.get(KERNEL)
    versioned = next((name for name in meta.depends if name.startswith("linux-image-")), None) if meta else None
    if versioned is None:
        raise ImageError(f"the archive's package {KERNEL} names no kernel")
    release = versioned.removeprefix("linux-image-")
    kernel, modules = _kernel(take(versioned), release, check)
    entries = [*own_files(), *_layout(), *programs, *_module_files(release, modules)]
    ordered = cpio.with_parents(sorted(entries, key=lambda entry: entry.name), {"root": 0o700, "root/.ssh": 0o700})
    return Built(kernel, cpio.write(ordered), release, tuple(used[name] for name in sorted(used)))


def own_files() -> list[cpio.Entry]:
    """Return the files of the image that come with vkd; what begins with `#!` is executable."""

    def walk(folder: Traversable, prefix: str) -> Iterator[cpio.Entry]:
        for item in sorted(folder.iterdir(), key=lambda item: item.name):
            path = f"{prefix}{item.name}"
            if item.is_dir():
                yield from walk(item, f"{path}/")
            else:
                data = item.read_bytes()
                yield cpio.file(path, data, 0o755 if data.startswith(b"#!") else 0o644)

    return list(walk(files("vkd.images") / "rootfs", ""))


def _layout() -> Iterator[cpio.Entry]:
    # The root folder comes first: without a mode of its own anybody could write there.
    for path in (".", "dev", "proc", "sys", "run", "mnt", "var", "etc/vkd", "etc/dropbear", "usr/sbin"):
        yield cpio.directory(path)
    yield cpio.directory("tmp", 0o1777)
    yield cpio.directory("root", 0o700)
    for path in ("bin", "sbin", "lib"):
        yield cpio.symlink(path, f"usr/{path}")
    yield cpio.symlink("init", "usr/bin/busybox")
    yield cpio.symlink("usr/bin/sh", "busybox")
    yield cpio.symlink("var/run", "/run")
    # The kernel opens it for init before there is a devtmpfs.
    yield cpio.char_device("dev/console", 5, 1)


def _programs(packages: Mapping[str, Package], take: Callable[[str], Path], check: Check) -> Iterator[cpio.Entry]:
    """Yield the programs and the shared libraries that they need, and no others."""
    libraries: dict[str, bytes] = {}

    def add_needed(image: bytes, package: Package, path: str) -> None:
        try:
            needed = dynamic_untrusted(image).needed
        except ValueError as error:
            raise ImageError(f"{path} of the package {package.name}: {error}") from error
        # By Debian policy a package has, or depends on the packages of, the libraries that its files need.
        related = (package.name, *package.depends)
        candidates = [name for name in related if name in packages and packages[name].section == "libs"]
        for soname in needed:
            while soname not in libraries:
                if not candidates:
                    raise ImageError(f"no package that {package.name} depends on has {soname}, which {path} needs")
                name = candidates.pop(0)
                for found, data in _libraries(take(name), check).items():
                    if found in needed and found not in libraries:
                        libraries[found] = data
                        add_needed(data, packages[name], found)

    for name, paths in PROGRAMS.items():
        found = {member.path: member for member in members(take(name), paths.__contains__, check)}
        for path, destination in paths.items():
            if path not in found:
                raise ImageError(f"the package {name} has no {path}")
            add_needed(found[path].data, packages[name], path)
            yield cpio.file(destination, found[path].data, 0o755)
    for soname, data in libraries.items():
        yield cpio.file(f"{LIBRARY_FOLDER}/{soname}", data, 0o755)
    if libraries:
        loader = posixpath.basename(LOADER)
        yield cpio.symlink(LOADER, f"{posixpath.basename(LIBRARY_FOLDER)}/{loader}")


def _libraries(package: Path, check: Check) -> dict[str, bytes]:
    """Return the shared libraries in the library folder of a package by the name that they are needed under."""
    found = members(package, lambda path: posixpath.dirname(path) == LIBRARY_FOLDER and ".so" in path, check)
    files = [member for member in found if member.data.startswith(b"\x7fELF")]
    return {dynamic_untrusted(file.data).soname or posixpath.basename(file.path): file.data for file in files}


def _kernel(package: Path, release: str, check: Check) -> tuple[bytes, dict[str, Module]]:
    """Return the kernel and the modules wanted, as a rule from one reading of the package."""
    kernel_path = re.compile(rf"boot/vmlinu[xz]-{re.escape(release)}")
    prefix = f"usr/lib/modules/{release}/"
    kernel: list[bytes] = []
    known: dict[str, Module] = {}

    def read(names: set[str]) -> dict[str, Module]:
        asked = {*names, *map(module_name, LIKELY_MODULES)} - known.keys()

        def is_wanted(path: str) -> bool:
            if path.startswith(f"{prefix}kernel/"):
                return module_name(path) in asked
            return kernel_path.fullmatch(path) is not None

        if names - known.keys():
            for member in members(package, is_wanted, check):
                if member.path.startswith(prefix):
                    module = Module.read(member.path.removeprefix(prefix), member.data)
                    known[module.name] = module
                else:
                    kernel[:] = [member.data]
        return {name: known[name] for name in names & known.keys()}

    modules = closure((*BOOT_MODULES, *DEMAND_MODULES), read)
    if not kernel:
        raise ImageError(f"{package} has no boot/vmlinux-{release}")
    return kernel[0], modules


def _module_files(release: str, modules: Mapping[str, Module]) -> Iterator[cpio.Entry]:
    unpacked = closure(BOOT_MODULES, lambda names: {name: modules[name] for name in names}).keys()
    placed = {name: module.unpacked() if name in unpacked else module for name, module in modules.items()}
    folder = f"usr/lib/modules/{release}"
    for module in placed.values():
        yield cpio.file(f"{folder}/{module.path}", module.packed)
    yield cpio.file(f"{folder}/modules.dep", dependency_table(placed).encode())
    yield cpio.file(f"{folder}/modules.alias", alias_table(placed).encode())
