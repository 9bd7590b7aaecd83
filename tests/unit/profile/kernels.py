"""Pieces of kernels, written as Linux's build writes them: its table of symbols, and its type information."""

import struct

BASE = 0xFFFFFFFF80000000

#: Tokens that are more than one character, at places whose characters no name has.
_LONG = {0x01: b"tcp_", 0x02: b"Trcu_"}


def kallsyms(symbols: list[tuple[int, str, str]], *, old: bool = False, base: int = BASE) -> bytes:
    """Return the tables for `symbols` (offset from the base, type, name), ordered; `old`: as before Linux 6.4."""
    names, markers = b"", []
    for number, (_, kind, name) in enumerate(symbols):
        if number % 256 == 0:
            markers.append(len(names))
        word = (kind + name).encode()
        for token, long in _LONG.items():
            word = word.replace(long, bytes([token]))
        size = len(word)
        names += (bytes([size]) if size < 128 else bytes([size & 0x7F | 0x80, size >> 7])) + word
    tokens = [_LONG.get(byte, bytes([byte]) if byte else b"") for byte in range(256)]
    table, index = b"", []
    for text in tokens:
        index.append(len(table))
        table += text + b"\0"
    offsets = _align(struct.pack(f"<{len(symbols)}I", *(offset for offset, _, _ in symbols)))
    origin = struct.pack("<Q", base)
    middle = [
        struct.pack("<Q", len(symbols)),
        _align(names),
        _align(struct.pack(f"<{len(markers)}I", *markers)),
        _align(table),
        _align(struct.pack("<256H", *index)),
    ]
    return b"".join([offsets, origin, *middle] if old else [*middle, offsets, origin])


def _align(data: bytes) -> bytes:
    return data + bytes(-len(data) % 8)


def btf(*, packed: bool = False) -> bytes:
    """Return type information with an int, an array, an enumeration, and a structure `task_struct` of two fields."""
    words = ["", "int", "state", "task_struct", "flags", "comm", "pid"]
    text = b"".join(word.encode() + b"\0" for word in words)
    at = {word: text.find(word.encode() + b"\0") for word in words}

    def entry(name: str, kind: int, members: int = 0, size: int = 0, flag: bool = False) -> bytes:
        return struct.pack("<III", at[name], kind << 24 | members | flag << 31, size)

    def member(name: str, bits: int) -> bytes:
        return struct.pack("<III", at[name], 1, bits | (3 << 24 if packed else 0))

    types = [
        entry("int", 1, size=4) + struct.pack("<I", 32),
        entry("", 3) + struct.pack("<III", 1, 1, 16),
        entry("state", 6, 1, 4) + struct.pack("<Ii", 0, 0),
        entry("pid", 4, 1, 8, packed) + member("comm", 0),
        entry("task_struct", 4, 2, 100, packed) + member("flags", 0) + member("comm", 8 * 56),
    ]
    body = b"".join(types)
    return struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(body), len(body), len(text)) + body + text
