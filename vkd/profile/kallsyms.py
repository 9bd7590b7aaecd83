"""The symbols of a Linux kernel out of the kernel's file itself: the table behind `/proc/kallsyms` (CONFIG_KALLSYMS).

Debian's packages carry no System.map, but every kernel that prints symbolic backtraces carries this. Source: Linux,
scripts/kallsyms.c (how it is written) and kernel/kallsyms.c (how it is read). Its parts lie one after the other:

* since 6.4: num_syms, names, markers, token_table, token_index, offsets, relative_base, seqs_of_names
* before: offsets, relative_base, num_syms, names, (seqs_of_names since 6.2), markers, token_table, token_index

None has a mark of its own. The token table is found by the digits in it, and all else from there.
"""

import re
import struct
from dataclasses import dataclass
from itertools import pairwise

#: Symbols per marker.
_STRIDE = 256
_TOKENS = 256
#: The longest that all names together are taken to be, bytes.
_LONGEST = 32 << 20
#: A token for each digit. Those of other bytes lie before and behind.
_DIGITS = b"".join(b"%d\0" % digit for digit in range(10))
#: Where riscv64 kernels are linked; relocatable ones leave it to the boot to fill in their base.
_LINKED_AT = 0xFFFFFFFF80000000


@dataclass(frozen=True, slots=True)
class _Tokens:
    start: int
    end: int
    words: list[bytes]


def kallsyms_untrusted(image: bytes) -> list[tuple[int, str, str]]:
    """Return (address, type as in nm(1), name) of each symbol in an uncompressed kernel, by address.

    Raises ValueError when there is no such table.
    """
    for found in re.finditer(re.escape(_DIGITS), image):
        tokens = _tokens(image, found.start())
        if tokens is None:
            continue
        for start, count in _starts(image, tokens):
            names = _names(image, start + 8, count, tokens.words)
            addresses = _addresses(image, start, tokens.end, count)
            if names is not None and addresses is not None:
                return sorted((at, name[0], name[1:]) for at, name in zip(addresses, names, strict=True))
    raise ValueError("there is no table of symbols (CONFIG_KALLSYMS) in it")


def _tokens(image: bytes, digits: int) -> _Tokens | None:
    """Read the token table around that of the digit 0, and its index, which proves it."""
    start = digits
    for _ in range(ord("0")):
        start = image.rfind(b"\0", max(0, start - 64), start - 1) + 1
        if start == 0:
            return None
    words, at = [], start
    for _ in range(_TOKENS):
        end = image.find(b"\0", at, at + 64)
        if end < 0:
            return None
        words.append((at - start, image[at:end]))
        at = end + 1
    index = at + -at % 8
    try:
        offsets = struct.unpack_from(f"<{_TOKENS}H", image, index)
    except struct.error:
        return None
    if offsets != tuple(offset for offset, _ in words):
        return None
    return _Tokens(start, index + 2 * _TOKENS, [word for _, word in words])


def _starts(image: bytes, tokens: _Tokens) -> list[tuple[int, int]]:
    """Return where the table may begin, with the number of symbols: it fits the markers before the tokens."""
    at = tokens.start & ~7
    markers: list[int] = []
    for padding in (0, 4):
        markers = _markers(image, at - padding)
        if len(markers) > 1:
            at -= padding + 4 * len(markers)
            break
    if len(markers) < 2:
        return []
    found = []
    lowest = max(0, at - markers[-1] - _LONGEST)
    start = (at - markers[-1] - 8) & ~7
    while start >= lowest:
        (count,) = struct.unpack_from("<Q", image, start)
        if -(-count // _STRIDE) == len(markers) and _fits(image, start + 8, markers):
            found.append((start, count))
        start -= 8
    return found


def _markers(image: bytes, end: int) -> list[int]:
    """Read the markers, which rise from 0 on, from their end back."""
    found: list[int] = []
    while end >= 4 and (not found or found[0] > 0):
        end -= 4
        (value,) = struct.unpack_from("<I", image, end)
        if found and value >= found[0]:
            return []
        found.insert(0, value)
    return found


def _fits(image: bytes, names: int, markers: list[int]) -> bool:
    """Whether the second marker is where the names of so many symbols end."""
    at = names
    for _ in range(_STRIDE):
        length, at = _length(image, at)
        at += length
        if length == 0 or at - names > markers[1]:
            return False
    return at - names == markers[1]


def _length(image: bytes, at: int) -> tuple[int, int]:
    """Return how many tokens the name at `at` has and where they begin; more than 127 take two bytes."""
    low = image[at]
    if low < 0x80:
        return low, at + 1
    return low & 0x7F | image[at + 1] << 7, at + 2


def _names(image: bytes, at: int, count: int, words: list[bytes]) -> list[str] | None:
    names = []
    for _ in range(count):
        if at + 1 >= len(image):
            return None
        length, at = _length(image, at)
        name = b"".join([words[token] for token in image[at : at + length]])
        if len(name) < 2:
            return None
        names.append(name.decode("ascii", "replace"))
        at += length
    return names


def _addresses(image: bytes, start: int, end: int, count: int) -> list[int] | None:
    """Return the addresses: offsets from a base, which lie behind the token index or before the number of symbols."""
    for offsets, base in ((end, end + 4 * count + -(4 * count) % 8), (start - 8 - 4 * count & ~7, start - 8)):
        if offsets < 0 or base + 8 > len(image):
            continue
        values = struct.unpack_from(f"<{count}I", image, offsets)
        (origin,) = struct.unpack_from("<Q", image, base)
        if values[0] == 0 and all(low <= high for low, high in pairwise(values)):
            return [(origin or _LINKED_AT) + value for value in values]
    return None
