"""Names for addresses, from files of every kind."""

import struct
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.isa import toolchain
from vkd.errors import VkdError
from vkd.profile.elf import symbols_untrusted
from vkd.profile.symbols import Symbols, parse_symbols_untrusted, parse_text_untrusted, read_symbols

MAP = b"""\
ffffffff80002000 T _stext
ffffffff80002000 T do_it
ffffffff80002100 t helper
ffffffff80003000 D data
ffffffff01000000 t probe\t[virtio_net]
"""


def test_code_is_named_after_the_symbol_before_it() -> None:
    symbols = Symbols(parse_text_untrusted(MAP))
    for address, name in (
        (0xFFFFFFFF80002000, "do_it"),
        (0xFFFFFFFF800020FF, "do_it"),
        (0xFFFFFFFF80002100, "helper"),
        (0xFFFFFFFF80003004, None),
        (0xFFFFFFFF01000010, "probe [virtio_net]"),
        (0x1000, None),
    ):
        assert symbols.name(address) == name, f"{address:#x}"
    assert Symbols([]).name(5) is None


def test_addresses_that_are_hidden_are_no_symbols() -> None:
    with pytest.raises(ValueError, match="read it as root"):
        parse_text_untrusted(b"0000000000000000 T _stext\n0000000000000000 T do_it\n")
    with pytest.raises(ValueError, match="no symbols"):
        parse_text_untrusted(b"hello\n")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("program")
    source = folder / "program.c"
    source.write_text("int inner(int x) { return x + 1; }\nint _start(int x) { return inner(x) * 2; }\n")
    elf = folder / "program@1"
    subprocess.run([toolchain.COMPILER, "-O0", "-nostdlib", "-static", "-Ttext=0x10000", "-o", elf, source], check=True)
    return elf


def test_functions_of_a_program_end_where_they_end(program: Path) -> None:
    found = read_symbols(str(program))
    at = {name: address for address, _, name in found}
    symbols = Symbols(found)
    assert symbols.name(at["inner"]) == "inner"
    assert symbols.name(at["_start"] + 2) == "_start"
    assert symbols.name(at["_start"] + 0x1000) is None
    moved = Symbols(read_symbols(f"{program}@0x40000000"))
    assert moved.name(0x40000000 + at["inner"]) == "inner"


def test_a_file_without_symbols_is_named(program: Path, tmp_path: Path) -> None:
    (tmp_path / "stripped").write_bytes(program.read_bytes())
    subprocess.run(["riscv64-linux-gnu-strip", tmp_path / "stripped"], check=True)
    (tmp_path / "text").write_text("not symbols")
    for file, words in (
        ("stripped", "no table of symbols"),
        ("text", "no table of symbols"),
        ("nowhere", "No such file"),
        (".", "Is a directory"),
        ("text@zz", "'zz' is not an address"),
    ):
        with pytest.raises(VkdError, match=words) as caught:
            read_symbols(f"{tmp_path}/{file}")
        assert caught.value.hint


@given(st.binary(max_size=200) | st.binary(max_size=400).map(lambda tail: b"\x7fELF\x02\x01" + tail))
def test_any_file_has_symbols_or_a_value_error(data: bytes) -> None:
    with suppress(ValueError):
        assert parse_symbols_untrusted(data)


@given(st.integers(0, (1 << 64) - 1), st.integers(0, 0xFFFF), st.integers(0, 0xFFFF))
def test_any_elf_header_has_symbols_or_a_value_error(offset: int, size: int, count: int) -> None:
    header = bytearray(b"\x7fELF\x02\x01".ljust(400, b"\x02"))
    struct.pack_into("<Q", header, 40, offset)
    struct.pack_into("<HH", header, 58, size, count)
    with suppress(ValueError):
        assert symbols_untrusted(bytes(header)) is not None
