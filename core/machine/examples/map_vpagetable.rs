//! The program of the `MAP_VPAGETABLE` announcement of 2006: a region of 32 MB whose page table lies at its beginning.

use machine::vpagetable::{vpte, Access, Format, VPageTable};

const MB: u64 = 1 << 20;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut region = VPageTable::new(32 * MB, Format::Vpte2006)?;
    let entry =
        |table: u64, index: u64, value: u64| region.backing().write(table + index * 4, &(value as u32).to_le_bytes());
    // The first 4 MB are mapped linearly; the second have a table of their own, in page 1.
    entry(0, 0, vpte::PS)?;
    entry(0, 1, 4096)?;
    // Two of its pages are both the one at 4 MB. The others have entries of 0, which in this format map page 0.
    entry(4096, 0, 4 * MB)?;
    entry(4096, 1, 4 * MB)?;
    region.set_directory(0)?;

    region.store(4 * MB, 1, 23)?;
    for address in [4 * MB, 4 * MB + 4096, 4 * MB + 8192] {
        println!("{:#x}: {}", address, region.load(address, 1, Access::Load)?);
    }

    // An entry that says so maps nothing. The old one was used, so it may be remembered.
    region.backing().write(4096 + 2 * 4, &(vpte::IV as u32).to_le_bytes())?;
    region.invalidate(Some(4 * MB + 8192..4 * MB + 12288), None);
    match region.load(4 * MB + 8192, 1, Access::Load) {
        Ok(value) => println!("{value}"),
        Err(trap) => println!("{trap}"),
    }
    Ok(())
}
