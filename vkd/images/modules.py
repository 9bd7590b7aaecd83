"""Kernel modules for an initramfs: which ones a set needs, and the tables that modprobe reads.

The kernel package has no modules.dep (depmod makes it when the package is installed), so the dependencies come from
each module's own `.modinfo`. Sources: modprobe(8), modules.dep(5); Linux, include/linux/module.h (MODULE_INFO).
"""

from __future__ import annotations

import lzma
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from vkd.errors import ImageError
from vkd.images.elf import modinfo_untrusted


@dataclass(frozen=True, slots=True)
class Module:
    """A module as the package has it: `path` below the modules folder (`kernel/...`), and the file there, packed.

    `depends` names the modules whose symbols it uses, `aliases` the patterns by which the kernel asks for it.
    """

    path: str
    packed: bytes
    depends: tuple[str, ...]
    aliases: tuple[str, ...]

    @classmethod
    def read(cls, path: str, packed: bytes) -> Module:
        """Read what a module says of itself; raises ImageError that names it when it is damaged."""
        try:
            info = modinfo_untrusted(_unpack(path, packed))
        except (ValueError, lzma.LZMAError) as error:
            raise ImageError(f"the kernel module {path} cannot be read: {error}") from error
        depends = [module_name(name) for key, value in info if key == "depends" and value for name in value.split(",")]
        return cls(path, packed, tuple(depends), tuple(value for key, value in info if key == "alias"))

    @property
    def name(self) -> str:
        """The name by which other modules depend on it."""
        return module_name(self.path)

    def unpacked(self) -> Module:
        """Return the module as it is without compression, for one that every boot loads."""
        return replace(self, path=self.path.removesuffix(".xz"), packed=_unpack(self.path, self.packed))


def module_name(path: str) -> str:
    """Return the name of a module from its path or name: `virtio-rng.ko.xz` is `virtio_rng`."""
    return PurePosixPath(path).name.partition(".ko")[0].replace("-", "_")


def closure(wanted: Iterable[str], read: Callable[[set[str]], Mapping[str, Module]]) -> dict[str, Module]:
    """Return `wanted` and all that they depend on, by name.

    `read` gets the modules of a set of names from the package; a name that it does not return is missing there, which
    raises ImageError.
    """
    found: dict[str, Module] = {}
    missing = {module_name(name) for name in wanted}
    while missing:
        got = read(missing)
        if absent := missing - got.keys():
            raise ImageError(f"the kernel package has no module {', '.join(sorted(absent))}")
        found.update(got)
        missing = {name for module in got.values() for name in module.depends} - found.keys()
    return found


def load_order(names: Iterable[str], modules: Mapping[str, Module]) -> list[str]:
    """Return `names` and what they depend on, each after its own dependencies."""
    order: dict[str, None] = {}

    def add(name: str) -> None:
        for needed in modules[name].depends:
            if needed not in order:
                add(needed)
        order[name] = None

    for name in names:
        add(module_name(name))
    return list(order)


def dependency_table(modules: Mapping[str, Module]) -> str:
    """Return `modules.dep`: each module's path, and the paths of all that must be loaded before it, nearest first."""
    lines = []
    for name, module in sorted(modules.items()):
        before = [modules[needed].path for needed in reversed(load_order([name], modules)) if needed != name]
        lines.append(f"{module.path}: {' '.join(before)}".rstrip())
    return "\n".join([*lines, ""])


def alias_table(modules: Mapping[str, Module]) -> str:
    """Return `modules.alias`: the device and file-system patterns by which the kernel asks for a module."""
    lines = [f"alias {alias} {name}" for name, module in sorted(modules.items()) for alias in module.aliases]
    return "\n".join([*lines, ""])


def _unpack(path: str, packed: bytes) -> bytes:
    return lzma.decompress(packed) if path.endswith(".xz") else packed
