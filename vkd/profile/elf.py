"""The symbol table of an ELF file. Source: System V ABI, chapter 4 (ELF-64, little-endian)."""

import struct

_SHT_SYMTAB, _SHT_DYNSYM = 2, 11
_FUNCTION = 2
_SHN_UNDEF = 0


def symbols_untrusted(image: bytes) -> list[tuple[int, str, str]]:
    """Return (address, `T`, name) of each function, or with no full table of each exported one.

    Where a function's end is not the next one's beginning there is a symbol of type `N` without a name.
    Raises ValueError when it is not a little-endian ELF-64 file.
    """
    if image[:6] != b"\x7fELF\x02\x01":
        raise ValueError("not a little-endian ELF-64 file")
    try:
        (offset,), (size, count) = struct.unpack_from("<Q", image, 40), struct.unpack_from("<HH", image, 58)
        sections = [struct.unpack_from("<IIQQQQII", image, offset + size * index) for index in range(count)]
        for kind in (_SHT_SYMTAB, _SHT_DYNSYM):
            for _, type_, _, _, at, length, link, _ in sections:
                if type_ == kind:
                    _, _, _, _, strings, strings_length, _, _ = sections[link]
                    table, text = image[at : at + length], image[strings : strings + strings_length]
                    if found := _functions(table[: len(table) // 24 * 24], text):
                        return found
    except (struct.error, IndexError, OverflowError) as error:
        raise ValueError(f"a table reaches beyond the file: {error}") from error
    return []


def _functions(table: bytes, text: bytes) -> list[tuple[int, str, str]]:
    found, ends = [], set()
    for name, info, _, section, address, size in struct.iter_unpack("<IBBHQQ", table):
        if info & 15 == _FUNCTION and section != _SHN_UNDEF:
            word = text[name : text.find(b"\0", name)]
            found.append((address, "T", word.decode("utf-8", "replace")))
            if size:
                ends.add(address + size)
    ends -= {address for address, _, _ in found}
    return found + [(end, "N", "") for end in sorted(ends)]
