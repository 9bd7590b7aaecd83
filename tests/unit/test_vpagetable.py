"""The MAP_VPAGETABLE facility, as Python sees it."""

import contextlib
import runpy
import threading
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vkd.vpagetable import (
    VPTE_A,
    VPTE_G,
    VPTE_IV,
    VPTE_M,
    VPTE_PS,
    VPTE_R,
    VPTE_U,
    VPTE_V,
    VPTE_W,
    VPTE_X,
    AccessFault,
    MemoryFault,
    PageFault,
    VPageTable,
)

MB = 1 << 20
GB = 1 << 30
PAGE = 4096
RWX = VPTE_V | VPTE_R | VPTE_W | VPTE_X
ROOT = Path(__file__).parents[2]

Format = Literal["bare", "sv39", "sv48", "vpte2006", "vpte32", "vpte64"]


def two_levels() -> VPageTable:
    """A VPTE32 region: directory at 0, table at 4096; address page n (n < 1024) is at 1 MB + n pages."""
    region = VPageTable(8 * MB, format="vpte32")
    region.store_physical(0, PAGE | RWX | VPTE_U, size=4)
    for page in range(1024):
        region.store_physical(PAGE + 4 * page, (MB + page * PAGE) | RWX, size=4)
    region.set_directory(RWX | VPTE_U)
    return region


def test_the_program_of_the_announcement() -> None:
    region = VPageTable(32 * MB, format="vpte2006")
    region.store_physical(0, VPTE_PS, size=4)
    region.store_physical(4, 4096, size=4)
    region.store_physical(4096, 4 * MB, size=4)
    region.store_physical(4100, 4 * MB, size=4)
    region.set_directory(0)
    region.store(4 * MB, 23, size=1)
    assert [region.load(4 * MB + offset, size=1) for offset in (0, 4096, 8192)] == [23, 23, VPTE_PS]

    region.store_physical(4104, VPTE_IV, size=4)
    region.invalidate(4 * MB + 8192)
    with pytest.raises(PageFault) as caught:
        region.load(4 * MB + 8192, size=1)
    assert (caught.value.address, caught.value.access) == (4 * MB + 8192, "load")


def test_the_example_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(ROOT / "docs/examples/map_vpagetable.py"), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["0x400000: 23", "0x401000: 23", "0x402000: 2", "page fault: no load from 0x402000"]


def test_invalidation_is_needed_and_sufficient() -> None:
    region = two_levels()
    region.write_physical(MB, b"old")
    region.write_physical(2 * MB, b"new")
    assert region.read(0, 3) == b"old"
    region.store_physical(PAGE, 2 * MB | RWX, size=4)
    assert region.read(0, 3) == b"old"
    region.invalidate(PAGE, PAGE)
    region.invalidate(space=1)
    assert region.read(0, 3) == b"old"
    region.invalidate(0, 1)
    assert region.read(0, 3) == b"new"


@pytest.mark.parametrize("bits", [0, VPTE_G])
def test_global_pages_survive_the_invalidation_of_a_space(bits: int) -> None:
    region = two_levels()
    region.store_physical(PAGE, MB | RWX | bits, size=4)
    assert region.translate(0) == MB
    region.store_physical(PAGE, 2 * MB | RWX | bits, size=4)
    region.invalidate(space=0)
    assert region.translate(0) == (MB if bits else 2 * MB)
    region.invalidate()
    assert region.translate(0) == 2 * MB


def test_spaces_keep_their_directories() -> None:
    region = two_levels()
    assert region.translate(PAGE) == MB + PAGE
    region.switch(9)
    assert (region.space, region.directory) == (9, 0)
    with pytest.raises(PageFault):
        region.load(PAGE)
    region.set_directory(0x3000 | RWX | VPTE_PS)
    assert region.translate(PAGE) == 0x4000
    region.switch(0)
    assert region.translate(PAGE) == MB + PAGE


def test_walks_mark_entries() -> None:
    region = two_levels()
    region.load(0)
    assert region.load_physical(PAGE, size=4) == MB | RWX | VPTE_A
    region.store(0, 1)
    assert region.load_physical(PAGE, size=4) == MB | RWX | VPTE_A | VPTE_M


@pytest.mark.parametrize(("lacking", "denied"), [(VPTE_R, "load"), (VPTE_W, "store"), (VPTE_X, "fetch")])
@pytest.mark.parametrize("at", [0, PAGE])
def test_every_level_limits_the_rights(lacking: int, denied: str, at: int) -> None:
    region = two_levels()
    region.store_physical(at, region.load_physical(at, size=4) & ~lacking, size=4)
    accesses: tuple[Literal["fetch", "load", "store"], ...] = ("fetch", "load", "store")
    for access in accesses:
        if access == denied:
            with pytest.raises(PageFault) as caught:
                region.translate(0, access)
            assert (caught.value.address, caught.value.access) == (0, access)
        else:
            assert region.translate(0, access) == MB


def test_users_need_the_user_bit() -> None:
    region = two_levels()
    user = region.attach(user=True)
    user.set_directory(region.directory)
    with pytest.raises(PageFault):
        user.load(0)
    region.store_physical(PAGE, MB | RWX | VPTE_U, size=4)
    region.store(0, 99)
    assert user.load(0) == 99


def test_protection_is_above_the_table() -> None:
    region = two_levels()
    region.store(0, 5)
    region.protect(fetch=False, load=True, store=False)
    assert region.load(0) == 5
    with pytest.raises(PageFault):
        region.store(0, 6)
    with pytest.raises(PageFault):
        region.fetch(0)
    region.protect(fetch=True, load=True, store=True)
    region.store(0, 6)
    assert region.fetch(0) == 6


def test_more_than_four_gigabytes_of_backing() -> None:
    region = VPageTable(64 * GB, span=1 << 48)
    address, tables, frame = 0x7B_1234_5000, 33 * GB, 63 * GB
    for level in range(3):
        index = address >> (39 - 9 * level) & 511
        region.store_physical(tables + level * PAGE + index * 8, (tables + (level + 1) * PAGE) | RWX)
    region.store_physical(tables + 3 * PAGE + (address >> 12 & 511) * 8, frame | RWX)
    region.set_directory(tables | RWX)
    region.store(address + 8, 0x0123_4567_89AB_CDEF)
    assert region.load_physical(frame + 8) == 0x0123_4567_89AB_CDEF
    assert region.load(address + 12, size=4) == 0x0123_4567
    assert 0 < region.resident < MB


@pytest.mark.parametrize(("name", "levels"), [("sv39", 3), ("sv48", 4)])
def test_risc_v_tables(name: Format, levels: int) -> None:
    region = VPageTable(MB, format=name)
    top = -(1 << 12) & (1 << 64) - 1
    for level in range(levels - 1):
        region.store_physical(level * PAGE + 511 * 8, (level + 1) << 10 | 1)
    region.store_physical((levels - 1) * PAGE + 511 * 8, 100 << 10 | 0x7)
    region.store(top + 8, 77)
    assert region.load_physical(100 * PAGE + 8) == 77
    assert region.load_physical((levels - 1) * PAGE + 511 * 8) == 100 << 10 | 0xC7
    with pytest.raises(PageFault):
        region.load(1 << 47)
    assert region.span is None


def test_what_leads_out_of_the_backing_store() -> None:
    region = two_levels()
    region.store_physical(PAGE, 8 * MB | RWX, size=4)
    with pytest.raises(AccessFault) as caught:
        region.load(16)
    assert (caught.value.address, caught.value.access) == (16, "load")
    with pytest.raises(PageFault):
        region.load(8 * MB)
    assert issubclass(AccessFault, MemoryFault)
    assert issubclass(PageFault, MemoryFault)


def test_a_store_across_pages_is_whole_or_not_at_all() -> None:
    region = two_levels()
    region.store_physical(PAGE + 4, 0, size=4)
    with pytest.raises(PageFault) as caught:
        region.store(PAGE - 3, 2**64 - 1)
    assert caught.value.address == PAGE
    assert region.read(PAGE - 8, 8) == bytes(8)
    with pytest.raises(PageFault) as caught:
        region.write(PAGE - 3, b"abcdef")
    assert caught.value.address == PAGE
    assert region.read(PAGE - 3, 3) == b"abc"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: VPageTable(5), "multiple of 4096"),
        (lambda: VPageTable(PAGE, format="vpte16"), "vpte2006, vpte32, vpte64"),  # type: ignore[arg-type]
        (lambda: VPageTable(PAGE, format="vpte32").set_directory(1 << 32), "32 bits"),
        (lambda: VPageTable(PAGE, format="sv39").set_directory(1), "multiple of 4096"),
        (lambda: VPageTable(PAGE).load(0, size=3), "1, 2, 4 or 8"),
        (lambda: VPageTable(PAGE).store(0, 256, size=1), "does not fit"),
        (lambda: VPageTable(PAGE).translate(0, "jump"), "fetch, load, store"),  # type: ignore[arg-type]
        (lambda: VPageTable(PAGE).read_physical(1, PAGE), "backing store"),
        (lambda: VPageTable(PAGE).write_physical(2**64 - 1, b"ab"), "backing store"),
        (lambda: VPageTable(PAGE).load_physical(PAGE - 4), "backing store"),
    ],
)
def test_misuse_is_explained(call: object, message: str) -> None:
    assert callable(call)
    with pytest.raises(ValueError, match=message):
        call()


def test_threads_mark_entries_of_one_table() -> None:
    region = two_levels()

    def run(lane: int) -> None:
        mine = region.attach()
        mine.set_directory(region.directory)
        for page in range(1024):
            mine.store(page * PAGE + lane * 8, page * 4 + lane)

    threads = [threading.Thread(target=run, args=(lane,)) for lane in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for page in range(1024):
        assert region.load_physical(PAGE + 4 * page, size=4) == (MB + page * PAGE) | RWX | VPTE_A | VPTE_M
        assert [region.load(page * PAGE + lane * 8) for lane in range(4)] == [page * 4 + lane for lane in range(4)]


def model(read: dict[int, int], directory: int, address: int, first: bool) -> int | None:
    """Where a two-level table of VPTEs (32-bit) leads a load; None is a page fault."""
    entry = directory
    for span in (1 << 32, 1 << 22, 1 << 12):
        allowed = not entry & VPTE_IV if first else entry & (VPTE_V | VPTE_R) == VPTE_V | VPTE_R
        if not allowed:
            return None
        if entry & VPTE_PS or span == PAGE:
            return (entry & 0xFFFF_F000) + address % span
        slot = (entry & 0xFFFF_F000) + 4 * (address % span // (span >> 10))
        entry = read.get(slot, 0)
    return None


ENTRIES = st.integers(0, 15).flatmap(lambda page: st.integers(0, 0xFFF).map(lambda bits: page * PAGE | bits))


@settings(max_examples=300, deadline=None)
@given(
    first=st.booleans(),
    directory=ENTRIES,
    table=st.dictionaries(st.integers(0, 16 * 1024 - 1).map(lambda slot: slot * 4), ENTRIES, max_size=200),
    likely=st.lists(st.tuples(st.integers(0, 15), st.integers(0, 3), ENTRIES), max_size=40),
    addresses=st.lists(
        st.one_of(
            st.integers(0, 2**32 - 1),
            st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, PAGE - 8)).map(
                lambda parts: parts[0] << 22 | parts[1] << 12 | parts[2]
            ),
        ),
        min_size=1,
        max_size=20,
    ),
)
def test_loads_agree_with_a_model(
    first: bool,
    directory: int,
    table: dict[int, int],
    likely: list[tuple[int, int, int]],
    addresses: list[int],
) -> None:
    region = VPageTable(16 * PAGE, format="vpte2006" if first else "vpte32", span=1 << 32)
    entries = table | {page * PAGE + 4 * index: entry | VPTE_R for page, index, entry in likely}
    for slot, entry in entries.items():
        region.store_physical(slot, entry, size=4)
    region.set_directory(directory)
    for address in addresses:
        # Earlier walks may have marked entries; what the model reads of them stays the same.
        expected = model(entries, directory, address, first)
        try:
            assert region.translate(address) == expected
        except PageFault:
            assert expected is None
        except AccessFault:
            assert expected is not None
            assert expected >= 16 * PAGE


@settings(max_examples=100, deadline=None)
@given(
    name=st.sampled_from(["sv39", "sv48", "vpte2006", "vpte32", "vpte64"]),
    noise=st.binary(min_size=8, max_size=4096),
    directory=st.integers(0, 2**64 - 1),
    accesses=st.lists(st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 63), st.binary(max_size=9000)), max_size=12),
)
def test_noise_faults_or_stays_inside(
    name: Format, noise: bytes, directory: int, accesses: list[tuple[int, int, bytes]]
) -> None:
    region = VPageTable(16 * PAGE, format=name, span=2**64 - 1)
    region.write_physical(0, (noise * (16 * PAGE // len(noise) + 1))[: 16 * PAGE])
    try:
        region.set_directory(directory)
    except ValueError:
        region.set_directory(0)
    for address, shift, data in accesses:
        with contextlib.suppress(MemoryFault):
            region.write(address >> shift, data)
            assert len(region.read(address >> shift, len(data))) == len(data)
