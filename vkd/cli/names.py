"""The symbols for a profile: of the guest's kernel, of its modules, and from files that the user names."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vkd.cli.ssh import output_of
from vkd.errors import VkdError
from vkd.profile.btf import field_offset_untrusted
from vkd.profile.kallsyms import kallsyms_untrusted
from vkd.profile.sample import USER, Sample
from vkd.profile.stacks import Names
from vkd.profile.symbols import KERNEL, Symbol, Symbols, parse_text_untrusted, read_symbols, unpack_kernel_untrusted
from vkd.vkernel.spec import read_spec

#: What lists the symbols of modules: their addresses are known to the running guest alone.
_MODULES = "grep '\\[' /proc/kallsyms"


@dataclass
class Known:
    """The symbols as far as they are known, and what is to be said about them."""

    kernel: list[Symbol] = field(default_factory=list)
    user: list[Symbol] = field(default_factory=list)
    #: Where a task's name lies in the kernel's `task_struct`.
    task_name: int | None = None
    notes: list[str] = field(default_factory=list)

    def names(self) -> Names:
        """Return them for use."""
        return Names(Symbols(self.kernel), Symbols(self.user))


def known_before(folder: Path, files: Sequence[str]) -> Known:
    """Return what is known before a profile of the guest with that runtime folder. Raises `VkdError` about `files`."""
    known = Known()
    for symbol in (symbol for file in files for symbol in read_symbols(file)):
        (known.kernel if symbol[0] >= KERNEL else known.user).append(symbol)
    try:
        kernel = read_spec(folder).kernel
        image = unpack_kernel_untrusted(Path(kernel).read_bytes()) if kernel else b""
    except (OSError, ValueError) as error:
        known.notes.append(f"the kernel cannot be read: {error}")
        return known
    try:
        known.task_name = field_offset_untrusted(image, "task_struct", "comm")
    except ValueError as error:
        known.notes.append(f"tasks have no names: {kernel}: {error}")
    if not known.kernel:
        try:
            known.kernel = kallsyms_untrusted(image)
        except ValueError as error:
            known.notes.append(f"the kernel's code has no names: {kernel}: {error}; give --symbols System.map")
    return known


def add_modules(known: Known, guest: str, samples: Iterable[Sample]) -> None:
    """Ask the guest for the symbols of its modules, if samples lie in what has none."""
    names = known.names()
    nameless = any(
        sample.privilege != USER and sample.pc >= KERNEL and names.symbol(sample.pc, kernel=True) is None
        for sample in samples
    )
    if not nameless or not known.kernel:
        return
    try:
        known.kernel += parse_text_untrusted(output_of(guest, _MODULES))
    except (VkdError, ValueError, OSError) as error:
        known.notes.append(f"the kernel's modules have no names: {error}")
