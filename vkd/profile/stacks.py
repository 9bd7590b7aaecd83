"""From samples to stacks of named frames."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from vkd.profile.sample import USER, Sample
from vkd.profile.symbols import KERNEL, Symbols

_PAGE = 4096
_ASID = (44, 0xFFFF)


@dataclass(frozen=True, slots=True)
class Frame:
    """A function on a stack, or a page of code without symbols."""

    name: str
    kernel: bool


#: The task, and its frames from the outermost on.
Stack = tuple[str, tuple[Frame, ...]]


@dataclass(frozen=True)
class Names:
    """Symbols of the kernel and of programs."""

    kernel: Symbols = field(default_factory=lambda: Symbols(()))
    user: Symbols = field(default_factory=lambda: Symbols(()))

    def symbol(self, address: int, *, kernel: bool) -> str | None:
        """Return the symbol of the code at `address`."""
        return (self.kernel if kernel else self.user).name(address)

    def frame(self, address: int, *, kernel: bool) -> Frame:
        """Return the frame of the code at `address`; without a symbol it is named after its page."""
        name = self.symbol(address, kernel=kernel)
        return Frame(_clean(name) if name else f"{address - address % _PAGE:#x}+", kernel)

    def stack(self, sample: Sample) -> Stack:
        """Return the stack of one sample."""
        kernel = sample.privilege != USER
        # A return address may be that of the next function, where a call is the last thing that a function does.
        frames = [self.frame(address - 1, kernel=kernel) for address in _callers(self, sample, kernel=kernel)]
        return task(sample), (*reversed(frames), self.frame(sample.pc, kernel=kernel))

    def stacks(self, samples: Iterable[Sample]) -> Counter[Stack]:
        """Return how often each stack was seen."""
        return Counter(self.stack(sample) for sample in samples)


def _callers(names: Names, sample: Sample, *, kernel: bool) -> list[int]:
    """Return the return addresses of a sample, innermost first.

    A function that has not set up its frame yet, or has none, is missing from the chain of frames: its caller is then
    known from `ra` alone. Later `ra` leads into the function itself, where its last call came back.
    """
    ra = sample.ra
    if ra is None or sample.frames[:1] == [ra]:
        return sample.frames
    here, there = names.symbol(sample.pc, kernel=kernel), names.symbol(ra - 1, kernel=kernel)
    return sample.frames if None in {here, there} or here == there else [ra, *sample.frames]


def task(sample: Sample) -> str:
    """Return what to call the task of a sample: its name, or else its address space."""
    if sample.task:
        return _clean(sample.task.decode("utf-8", "replace"))
    if sample.pc >= KERNEL or not sample.satp:
        return "kernel"
    shift, mask = _ASID
    return f"address space {sample.satp >> shift & mask}"


def _clean(text: str) -> str:
    """Return a name, which may be the guest's, as it can be printed; a semicolon parts the frames of folded stacks."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text.replace(";", ":"))
