//! `MAP_VPAGETABLE` as its users see it.

use std::sync::Arc;

use machine::vpagetable::{vpte, Access, Fault, Format, Trap, VPageTable};
use proptest::prelude::*;

use crate::walker::{ALL, FORMATS};

const MB: u64 = 1 << 20;
const GB: u64 = 1 << 30;
const ALL_RIGHTS: u64 = vpte::V | vpte::R | vpte::W | vpte::X;

fn set(region: &VPageTable, table: u64, index: u64, entry: u64) {
    let size = region.format().entry_size();
    region.backing().write(table + index * size, &entry.to_le_bytes()[..size as usize]).expect("inside");
}

fn get(region: &VPageTable, at: u64) -> u64 {
    let mut bytes = [0; 8];
    let size = region.format().entry_size() as usize;
    region.backing().read(at, &mut bytes[..size]).expect("inside");
    u64::from_le_bytes(bytes)
}

fn byte(region: &mut VPageTable, address: u64) -> Result<u64, Trap> {
    region.load(address, 1, Access::Load)
}

/// The program of the announcement.
fn announced() -> VPageTable {
    let mut region = VPageTable::new(32 * MB, Format::Vpte2006).expect("32 MB");
    set(&region, 0, 0, vpte::PS);
    set(&region, 0, 1, 4096);
    set(&region, 4096, 0, 4 * MB);
    set(&region, 4096, 1, 4 * MB);
    region.set_directory(0).expect("an offset");
    region.store(4 * MB, 1, 23).expect("mapped");
    region
}

#[test]
fn the_program_of_the_announcement() {
    let mut region = announced();
    let seen = [0, 4096, 8192].map(|offset| byte(&mut region, 4 * MB + offset).expect("mapped"));
    assert_eq!(seen, [23, 23, vpte::PS]);
    assert_eq!(byte(&mut region, 0), Ok(vpte::PS), "the first 4 MB are linear");
    let mut physical = [0];
    region.backing().read(4 * MB, &mut physical).expect("inside");
    assert_eq!(physical, [23]);
}

#[test]
fn an_invalid_entry_faults() {
    let mut region = announced();
    set(&region, 4096, 2, vpte::IV);
    let trap = Trap { fault: Fault::Page, address: 4 * MB + 8192, access: Access::Load };
    assert_eq!(byte(&mut region, 4 * MB + 8192), Err(trap));
}

#[test]
fn a_linear_master_entry() {
    for format in [Format::Vpte2006, Format::Vpte32, Format::Vpte64] {
        let mut region = VPageTable::new(MB, format).expect("1 MB").with_span(GB);
        region
            .set_directory(0x3000 | vpte::PS | if format == Format::Vpte2006 { 0 } else { ALL_RIGHTS })
            .expect("entry");
        assert_eq!(region.translate(0x1234, Access::Load), Ok(0x4234));
        let trap = Trap { fault: Fault::Access, address: MB - 0x3000, access: Access::Load };
        assert_eq!(byte(&mut region, MB - 0x3000), Err(trap), "beyond the backing store");
        let trap = Trap { fault: Fault::Page, address: GB, access: Access::Load };
        assert_eq!(byte(&mut region, GB), Err(trap), "beyond the region");
    }
}

/// A VPTE64 region of 6 GB with one page at `address` that leads to `frame`.
fn far(address: u64, frame: u64, bits: u64) -> VPageTable {
    let mut region = VPageTable::new(6 * GB, Format::Vpte64).expect("6 GB, sparse").with_span(1 << 48);
    // The tables lie above 4 GB too.
    let tables = 4 * GB + 0x10_0000;
    for level in 0..3 {
        let index = address >> (39 - 9 * level) & 511;
        set(&region, tables + level * 4096, index, (tables + (level + 1) * 4096) | ALL_RIGHTS | vpte::U);
    }
    set(&region, tables + 3 * 4096, address >> 12 & 511, frame | bits);
    region.set_directory(tables | ALL_RIGHTS | vpte::U).expect("entry");
    region
}

#[test]
fn more_than_four_gigabytes_of_backing_cost_what_is_touched() {
    let (address, frame) = (0x7b_1234_5000, 5 * GB + 0x7000);
    let mut region = far(address, frame, ALL_RIGHTS);
    region.store(address + 8, 8, 0x0123_4567_89ab_cdef).expect("mapped");
    assert_eq!(region.load(address + 12, 4, Access::Load), Ok(0x0123_4567));
    let mut physical = [0; 8];
    region.backing().read(frame + 8, &mut physical).expect("inside");
    assert_eq!(u64::from_le_bytes(physical), 0x0123_4567_89ab_cdef);
    assert!((4096..MB).contains(&region.resident()), "{} bytes", region.resident());
}

#[test]
fn walks_mark_entries() {
    let (address, frame) = (0x5000, 5 * GB);
    let mut region = far(address, frame, ALL_RIGHTS);
    let entry = 4 * GB + 0x10_0000 + 3 * 4096 + 5 * 8;
    byte(&mut region, address).expect("mapped");
    assert_eq!(get(&region, entry), frame | ALL_RIGHTS | vpte::A);
    region.store(address, 2, 7).expect("mapped");
    assert_eq!(get(&region, entry), frame | ALL_RIGHTS | vpte::A | vpte::M);
}

#[test]
fn every_level_limits_the_rights() {
    let (address, frame) = (0x5000, 5 * GB);
    let try_all = |region: &mut VPageTable| ALL.map(|access| region.translate(address, access).is_ok());
    for (lacking, expected) in [
        (0, [true; 3]),
        (vpte::X, [false, true, true]),
        (vpte::R, [true, false, true]),
        (vpte::W, [true, true, false]),
        (vpte::V, [false; 3]),
    ] {
        assert_eq!(try_all(&mut far(address, frame, ALL_RIGHTS & !lacking)), expected, "the last level");
        let mut region = far(address, frame, ALL_RIGHTS);
        let tables = 4 * GB + 0x10_0000;
        set(&region, tables, 0, (tables + 4096) | ALL_RIGHTS & !lacking);
        assert_eq!(try_all(&mut region), expected, "the first level");
        let mut region = far(address, frame, ALL_RIGHTS);
        region.set_directory(tables | ALL_RIGHTS & !lacking).expect("entry");
        assert_eq!(try_all(&mut region), expected, "the master entry");
    }
    let mut user = far(address, frame, ALL_RIGHTS).with_user();
    assert_eq!(try_all(&mut user), [false; 3]);
    let mut user = far(address, frame, ALL_RIGHTS | vpte::U).with_user();
    assert_eq!(try_all(&mut user), [true; 3]);
}

#[test]
fn invalidation_is_needed_and_sufficient() {
    for (range, space, sufficient) in [
        (None, None, true),
        (None, Some(0), true),
        (None, Some(1), false),
        (Some(0x5800..0x5801), None, true),
        (Some(0x4000..0x7000), Some(0), true),
        (Some(0..1 << 40), None, true),
        (Some(0x6000..0x7000), None, false),
        (Some(0x5000..0x5000), None, false),
        (Some(0x5000..0x6000), Some(7), false),
    ] {
        let mut region = far(0x5000, 5 * GB, ALL_RIGHTS);
        region.backing().write(5 * GB, b"old").expect("inside");
        region.backing().write(5 * GB + 4096, b"new").expect("inside");
        assert_eq!(byte(&mut region, 0x5000), Ok(u64::from(b'o')));
        set(&region, 4 * GB + 0x10_0000 + 3 * 4096, 5, (5 * GB + 4096) | ALL_RIGHTS);
        assert_eq!(byte(&mut region, 0x5000), Ok(u64::from(b'o')), "it remembers");
        region.invalidate(range.clone(), space);
        let seen = if sufficient { b'n' } else { b'o' };
        assert_eq!(byte(&mut region, 0x5000), Ok(u64::from(seen)), "{range:?} {space:?}");
    }
}

#[test]
fn address_spaces_switch_without_forgetting() {
    let mut region = far(0x5000, 5 * GB, ALL_RIGHTS);
    assert_eq!(region.translate(0x5000, Access::Load), Ok(5 * GB));
    region.switch(3);
    assert_eq!(region.directory(), 0);
    assert!(region.translate(0x5000, Access::Load).is_err());
    region.set_directory(ALL_RIGHTS | vpte::PS).expect("entry");
    assert_eq!(region.translate(0x5000, Access::Load), Ok(0x5000));
    region.switch(0);
    assert_eq!(region.translate(0x5000, Access::Load), Ok(5 * GB));
    region.switch(3);
    region.switch(0);
    set(&region, 4 * GB + 0x10_0000 + 3 * 4096, 5, 0);
    assert_eq!(region.translate(0x5000, Access::Load), Ok(5 * GB), "a switch is no invalidation");
    region.set_directory(region.directory()).expect("entry");
    assert!(region.translate(0x5000, Access::Load).is_err(), "MADV_SETMAP is one");
}

#[test]
fn protection_is_above_the_table() {
    let mut region = far(0x5000, 5 * GB, ALL_RIGHTS);
    region.store(0x5000, 8, 1).expect("mapped");
    region.protect([false, true, false]);
    let trap = Trap { fault: Fault::Page, address: 0x5000, access: Access::Store };
    assert_eq!(region.store(0x5000, 8, 2), Err(trap));
    assert_eq!(region.load(0x5000, 8, Access::Load), Ok(1));
    assert!(region.load(0x5000, 8, Access::Fetch).is_err());
}

#[test]
fn a_store_across_pages_is_whole_or_not_at_all() {
    let mut region = far(0x5000, 5 * GB, ALL_RIGHTS);
    let trap = Trap { fault: Fault::Page, address: 0x6000, access: Access::Store };
    assert_eq!(region.store(0x5ffd, 8, u64::MAX), Err(trap));
    assert_eq!(region.load(0x5ff8, 8, Access::Load), Ok(0));
    assert_eq!(region.write(0x5ffd, &[1; 8]), Err(trap));
    assert_eq!(region.load(0x5ff8, 8, Access::Load), Ok(0x0101_0100_0000_0000), "bytes go as far as they can");
    set(&region, 4 * GB + 0x10_0000 + 3 * 4096, 6, (5 * GB + 0x9000) | ALL_RIGHTS);
    region.store(0x5ffd, 8, 0x1122_3344_5566_7788).expect("mapped");
    assert_eq!(region.load(0x5ffd, 8, Access::Load), Ok(0x1122_3344_5566_7788));
    let mut bytes = [0; 5];
    region.backing().read(5 * GB + 0x9000, &mut bytes).expect("inside");
    assert_eq!(bytes, [0x55, 0x44, 0x33, 0x22, 0x11]);
}

#[test]
fn walkers_over_one_backing_store_mark_and_write_at_the_same_time() {
    let first = far(0, 5 * GB, ALL_RIGHTS);
    let table = 4 * GB + 0x10_0000 + 3 * 4096;
    (0..512).for_each(|i| set(&first, table, i, (5 * GB + i * 4096) | ALL_RIGHTS));
    std::thread::scope(|scope| {
        for lane in 0..4u64 {
            let mut region =
                VPageTable::over(Arc::clone(first.backing()), Format::Vpte64).expect("a TLB").with_span(1 << 48);
            region.set_directory(first.directory()).expect("entry");
            scope.spawn(move || {
                for page in 0..512 {
                    region.store(page * 4096 + lane * 8, 8, page + lane).expect("mapped");
                }
            });
        }
    });
    let mut region = first;
    for page in 0..512 {
        assert_eq!(get(&region, table + page * 8), (5 * GB + page * 4096) | ALL_RIGHTS | vpte::A | vpte::M);
        for lane in 0..4 {
            assert_eq!(region.load(page * 4096 + lane * 8, 8, Access::Load), Ok(page + lane));
        }
    }
}

#[test]
fn page_directories_that_are_none() {
    for (format, entry) in
        [(Format::Vpte2006, 1 << 32), (Format::Vpte32, 1 << 40), (Format::Sv39, 0x1001), (Format::Sv48, 8)]
    {
        let mut region = VPageTable::new(MB, format).expect("1 MB");
        let error = region.set_directory(entry).expect_err("refused").to_string();
        assert!(error.contains(&format!("{entry:#x}")), "{error}");
        assert_eq!(region.directory(), 0);
    }
    assert!(VPageTable::new(4095, Format::Vpte32).is_err());
}

proptest! {
    #[test]
    fn noise_for_a_table_never_leaves_the_backing_store(
        format in prop::sample::select(&FORMATS[..]),
        table in prop::collection::vec(any::<u64>(), 1..64),
        directory in any::<u64>(),
        accesses in prop::collection::vec((any::<u64>(), 0u32..60, 0usize..3, any::<u64>()), 1..32),
    ) {
        let mut region = VPageTable::new(64 * 1024, format).expect("64 kB").with_span(u64::MAX);
        for slot in 0..8192u64 {
            // Most entries lead to some page of the region.
            let noise = table[slot as usize % table.len()];
            let entry = if noise & 0x1000 != 0 { noise } else { noise & 0x3c3ff | 1 };
            region.backing().write(slot * 8, &entry.to_le_bytes()).expect("inside");
        }
        if region.set_directory(directory).is_err() {
            region.set_directory(directory & 0xf000 | 0x9d).or_else(|_| region.set_directory(0)).expect("good");
        }
        for (address, shift, size, value) in accesses {
            let address = address >> shift;
            let size = [1, 2, 8][size];
            if region.store(address, size, value).is_ok() && region.load(address, size, Access::Load).is_ok() {
                let at = region.translate(address, Access::Load).expect("just loaded");
                prop_assert!(at < 64 * 1024);
            }
        }
    }
}
