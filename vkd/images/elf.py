"""What the image builder reads in ELF files: the libraries of a program, and what a kernel module says of itself.

Source: System V ABI, chapters 4 and 5 (ELF-64, little-endian); Linux, include/linux/moduleinfo.h (`.modinfo`).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
DT_NULL, DT_NEEDED, DT_STRTAB, DT_SONAME = 0, 1, 5, 14


@dataclass(frozen=True, slots=True)
class Dynamic:
    """How a program or library is linked: its interpreter, its own name and the names of the libraries it needs."""

    interpreter: str | None
    soname: str | None
    needed: tuple[str, ...]


def dynamic_untrusted(image: bytes) -> Dynamic:
    """Read the dynamic section; all empty for a static program. Raises ValueError when `image` is not ELF-64."""
    _check(image)
    offset, entry_size, count = _unpack("<Q", image, 32)[0], *_unpack("<HH", image, 54)
    segments = [_unpack("<IIQQQQ", image, offset + entry_size * index) for index in range(count)]
    interpreter = None
    tags: list[tuple[int, int]] = []
    for kind, _, at, _, _, size in segments:
        if kind == PT_INTERP:
            interpreter = _text(image, at, at + size)
        elif kind == PT_DYNAMIC:
            for entry in range(at, at + size, 16):
                tag, value = _unpack("<QQ", image, entry)
                if tag == DT_NULL:
                    break
                tags.append((tag, value))
    strings = next((value for tag, value in tags if tag == DT_STRTAB), None)
    if strings is None:
        return Dynamic(interpreter, None, ())
    base = _file_offset(segments, strings)
    names = {tag: [_text(image, base + value) for t, value in tags if t == tag] for tag in (DT_NEEDED, DT_SONAME)}
    return Dynamic(interpreter, next(iter(names[DT_SONAME]), None), tuple(names[DT_NEEDED]))


def modinfo_untrusted(image: bytes) -> list[tuple[str, str]]:
    """Read the (key, value) pairs of a kernel module's `.modinfo` section, in order.

    Raises ValueError when `image` is not ELF-64 or has no such section.
    """
    _check(image)
    offset, (entry_size, count, names_index) = _unpack("<Q", image, 40)[0], _unpack("<HHH", image, 58)
    sections = [_unpack("<IIQQQQ", image, offset + entry_size * index) for index in range(count)]
    if names_index >= count:
        raise ValueError("the section names are missing")
    names_at = sections[names_index][4]
    for name, _, _, _, at, size in sections:
        if _text(image, names_at + name) == ".modinfo":
            if at + size > len(image):
                raise ValueError("the .modinfo section reaches beyond the file")
            fields = image[at : at + size].decode(errors="replace").split("\0")
            pairs = (field.partition("=") for field in fields if "=" in field)
            return [(key, value) for key, _, value in pairs]
    raise ValueError("there is no .modinfo section")


def _check(image: bytes) -> None:
    if image[:6] != b"\x7fELF\x02\x01":
        raise ValueError("not a little-endian ELF-64 file")


def _unpack(form: str, image: bytes, at: int) -> tuple[int, ...]:
    try:
        return struct.unpack_from(form, image, at)
    except (struct.error, OverflowError):
        raise ValueError(f"a table reaches beyond the file at offset {at}") from None


def _text(image: bytes, at: int, limit: int | None = None) -> str:
    end = image.find(b"\0", at, limit)
    if at >= len(image) or end < 0:
        raise ValueError(f"a string at offset {at} has no end")
    return image[at:end].decode(errors="replace")


def _file_offset(segments: list[tuple[int, ...]], address: int) -> int:
    for kind, _, at, virtual, _, size in segments:
        if kind == PT_LOAD and virtual <= address < virtual + size:
            return at + address - virtual
    raise ValueError(f"address {address:#x} is in no segment of the file")
