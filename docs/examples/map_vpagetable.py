"""The program of the MAP_VPAGETABLE announcement of 2006: a region of 32 MB whose page table lies at its beginning."""

from vkd.vpagetable import VPTE_IV, VPTE_PS, PageFault, VPageTable

MB = 1 << 20


def main() -> None:
    """Map 4 MB linearly and one page twice; store once, load three times; then take one page away."""
    region = VPageTable(32 * MB, format="vpte2006")

    def entry(table: int, index: int, value: int) -> None:
        region.store_physical(table + index * 4, value, size=4)

    # The first 4 MB are mapped linearly; the second have a table of their own, in page 1.
    entry(0, 0, VPTE_PS)
    entry(0, 1, 4096)
    # Two of its pages are both the one at 4 MB. The others have entries of 0, which in this format map page 0.
    entry(4096, 0, 4 * MB)
    entry(4096, 1, 4 * MB)
    region.set_directory(0)

    region.store(4 * MB, 23, size=1)
    for address in (4 * MB, 4 * MB + 4096, 4 * MB + 8192):
        print(f"{address:#x}: {region.load(address, size=1)}")

    # An entry that says so maps nothing. The old one was used, so it may be remembered.
    entry(4096, 2, VPTE_IV)
    region.invalidate(4 * MB + 8192, 4096)
    try:
        print(region.load(4 * MB + 8192, size=1))
    except PageFault as fault:
        print(fault)


if __name__ == "__main__":
    main()
