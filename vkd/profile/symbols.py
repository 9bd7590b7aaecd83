"""Names for addresses: tables of symbols, and the files that they come from."""

import bisect
import gzip
import re
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

from vkd.errors import VkdError
from vkd.profile.elf import symbols_untrusted
from vkd.profile.kallsyms import kallsyms_untrusted

#: Address, type as in nm(1), name.
Symbol = tuple[int, str, str]

#: Where the kernel's half of the address space begins.
KERNEL = 1 << 63

_LINE = re.compile(rb"([0-9a-f]{8,16}) ([A-Za-z?]) ([^\s]+)(?:\s+\[([^\]\s]+)\])?\s*")
_CODE = frozenset("tTwW")
_HINT = "give a System.map, the text of /proc/kallsyms, an ELF file or a Linux kernel"


class Symbols:
    """A table that names the code at an address. What lies behind a symbol that is no code has no name."""

    def __init__(self, symbols: Iterable[Symbol]) -> None:
        # Of several at one address the last in this order names it: code, and without underscores.
        ordered = sorted(symbols, key=lambda symbol: (symbol[0], symbol[1] in _CODE, not symbol[2].startswith("_")))
        self._addresses = [address for address, _, _ in ordered]
        self._names = [name if kind in _CODE else None for _, kind, name in ordered]

    def __len__(self) -> int:
        return len(self._addresses)

    def name(self, address: int) -> str | None:
        """Return the symbol that `address` lies behind."""
        at = bisect.bisect_right(self._addresses, address)
        return self._names[at - 1] if at else None


def read_symbols(argument: str) -> list[Symbol]:
    """Read the symbols of a file of any kind, given as `FILE` or, for code that is loaded elsewhere, `FILE@ADDRESS`.

    Raises VkdError that names the file.
    """
    name, at, base = argument.rpartition("@")
    if not at or Path(argument).exists():
        name, base = argument, "0"
    try:
        offset = int(base, 16)
    except ValueError:
        raise VkdError(f"{argument}: {base!r} is not an address", hint="an address is hexadecimal") from None
    try:
        found = parse_symbols_untrusted(Path(name).read_bytes())
    except OSError as error:
        raise VkdError(f"{name}: {error.strerror}", hint=_HINT) from error
    except ValueError as error:
        raise VkdError(f"{name}: {error}", hint=_HINT) from error
    return [(address + offset, kind, symbol) for address, kind, symbol in found]


def parse_symbols_untrusted(data: bytes) -> list[Symbol]:
    """Return the symbols in a System.map, the text of /proc/kallsyms, an ELF file or a Linux kernel.

    Raises ValueError when there are none.
    """
    if _LINE.match(data):
        return parse_text_untrusted(data)
    if data.startswith(b"\x7fELF"):
        symbols = symbols_untrusted(data)
        if symbols:
            return symbols
    return kallsyms_untrusted(unpack_kernel_untrusted(data))


def parse_text_untrusted(data: bytes) -> list[Symbol]:
    """Return the symbols in a System.map or the text of /proc/kallsyms; a module's name stands behind its symbols'.

    Raises ValueError when there are none, or all are hidden from a reader who was not root.
    """
    found = []
    for line in data.splitlines():
        if match := _LINE.fullmatch(line):
            address, kind, name, module = match.groups()
            text = name.decode("ascii", "replace") + (f" [{module.decode('ascii', 'replace')}]" if module else "")
            found.append((int(address, 16), kind.decode(), text))
    if not any(address for address, _, _ in found):
        raise ValueError("its addresses are hidden: read it as root" if found else "there are no symbols in it")
    return found


def unpack_kernel_untrusted(data: bytes) -> bytes:
    """Return a Linux kernel without its compression by gzip, as a file or within an EFI program.

    Raises ValueError when it is damaged.
    """
    if data[:2] == b"MZ" and data[4:8] == b"zimg" and data[24:28] == b"gzip":
        offset, size = struct.unpack_from("<II", data, 8)
        data = data[offset : offset + size]
    if data[:2] != b"\x1f\x8b":
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"it is compressed, and damaged: {error}") from error
