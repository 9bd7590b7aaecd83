"""Where a field lies in a structure of a Linux kernel, out of the type information that the kernel carries for BPF.

Source: Linux, Documentation/bpf/btf.rst.
"""

import struct

_MAGIC = b"\x9f\xeb\x01\x00\x18\x00\x00\x00"
_STRUCT = 4
#: Bytes behind the 12 of each type, by kind: fixed, and per member.
_FIXED = {1: 4, 3: 12, 14: 4, 17: 4}
_MEMBERS = {4: 12, 5: 12, 6: 8, 13: 8, 15: 12, 19: 12}


def field_offset_untrusted(image: bytes, structure: str, field: str) -> int:
    """Return the offset of `field` in `structure`, bytes. Raises ValueError when the (unpacked) kernel does not say."""
    at = image.find(_MAGIC)
    while at >= 0:
        found = _search(image, at, structure.encode(), field.encode())
        if found is not None:
            return found
        at = image.find(_MAGIC, at + 1)
    raise ValueError(f"it does not say where {structure}.{field} lies (CONFIG_DEBUG_INFO_BTF)")


def _search(image: bytes, header: int, structure: bytes, field: bytes) -> int | None:
    try:
        types, types_size, strings, strings_size = struct.unpack_from("<IIII", image, header + 8)
    except struct.error:
        return None
    at, end = header + 24 + types, min(header + 24 + types + types_size, len(image))
    text = image[header + 24 + strings : header + 24 + strings + strings_size]
    wanted = text.find(b"\0%b\0" % structure) + 1
    if wanted == 0:
        return None
    while at + 12 <= end:
        name, info = struct.unpack_from("<II", image, at)
        kind, members = info >> 24 & 0x1F, info & 0xFFFF
        if kind == _STRUCT and name == wanted:
            return _member(image[at + 12 : at + 12 + 12 * members], text, field, packed=bool(info >> 31))
        at += 12 + _FIXED.get(kind, 0) + _MEMBERS.get(kind, 0) * members
    return None


def _member(members: bytes, text: bytes, field: bytes, *, packed: bool) -> int | None:
    name: int
    offset: int
    for name, _, offset in struct.iter_unpack("<III", members[: len(members) // 12 * 12]):
        if text[name : text.find(b"\0", name)] == field:
            # With bit-fields the upper byte is their size.
            return (offset & 0xFFFFFF if packed else offset) // 8
    return None
