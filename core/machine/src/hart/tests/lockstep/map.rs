//! Where things lie: a board whose physical memory protection keeps code and data apart.
//!
//! Code that is written must be fenced before it is executed; random stores do not know that. So code cannot be written, nor
//! data executed, not even in M-mode, with the exception of two pages that are for code which changes.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use vm_fdt::FdtWriter;

use super::random::Random;
use crate::bus::Device;
use crate::hart::pmp::Pmp;
use crate::hart::Hart;
use crate::layout::{Window, RAM_BASE};
use crate::memory::GuestRam;

pub const RAM_SIZE: u64 = 0x4_0000;
/// Trap handlers: M-mode's, and S-mode's half a page on.
pub const HANDLERS: u64 = RAM_BASE;
/// Programs.
pub const CODE: u64 = RAM_BASE + 0x1000;
/// Code that changes: two pages.
pub const PATCH: u64 = RAM_BASE + 0x5000;
pub const CODE_END: u64 = RAM_BASE + 0x7000;
/// What the handlers save and log.
pub const SAVE_M: u64 = RAM_BASE + 0x8000;
pub const SAVE_S: u64 = RAM_BASE + 0x9000;
pub const DATA: u64 = RAM_BASE + 0xa000;
pub const READ_ONLY: u64 = RAM_BASE + 0xe000;
pub const FORBIDDEN: u64 = RAM_BASE + 0xf000;
const TABLES: u64 = RAM_BASE + 0x2_0000;
const TABLES_END: u64 = RAM_BASE + 0x3_0000;
/// The last page of RAM.
pub const LAST: u64 = RAM_BASE + RAM_SIZE - 0x1000;
/// The device that counts.
pub const METER: Window = Window { base: 0x1000_0000, size: 0x100 };
/// With translation on, U-mode sees RAM at its address with this bit set.
pub const ALIAS: u64 = 1 << 30;
/// With translation on: pages of all kinds, where no operand points by chance.
pub const ZOO: u64 = 72 << 30;
pub const ZOO_PAGES: u64 = 16;
/// The first pages of the zoo are another way to the code that changes.
pub const ZOO_CODE: u64 = 2;
/// Address spaces.
pub const SPACES: u64 = 2;

const R: u8 = 1;
const W: u8 = 2;
const X: u8 = 4;
const TOR: u8 = 1 << 3;
const NAPOT: u8 = 3 << 3;
const LOCKED: u8 = 1 << 7;

/// The protection described above, locked so that it holds in M-mode.
pub fn protection() -> Pmp {
    let ranges = [
        (PATCH, R | X),
        (CODE_END, R | W | X),
        (READ_ONLY, R | W),
        (FORBIDDEN, R),
        (TABLES, 0),
        (TABLES_END, R | W),
        (LAST, 0),
    ];
    let mut pmp = Pmp::new();
    pmp.write_address(0, RAM_BASE >> 2);
    // Entry 0 is off and gives the first range its beginning.
    let mut config = u64::from(LOCKED);
    for (n, (end, rights)) in ranges.into_iter().enumerate() {
        pmp.write_address(n + 1, end >> 2);
        config |= u64::from(rights | TOR | LOCKED) << (8 * (n + 1));
    }
    pmp.write_address(8, (RAM_BASE + RAM_SIZE) >> 2);
    pmp.write_address(9, METER.base >> 2 | 0x1ff);
    let _ = pmp.write_config(0, config);
    let _ = pmp.write_config(2, u64::from(R | W | TOR | LOCKED) | u64::from(R | W | NAPOT | LOCKED) << 8);
    pmp
}

/// Answers with how often it was asked, so that an access that happens twice, or not at all, is seen.
#[derive(Default)]
pub struct Meter(AtomicU64);

impl Meter {
    pub fn state(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl Device for Meter {
    fn read(&self, offset: u64, size: u8) -> Option<u64> {
        (offset < 0x80).then(|| self.0.fetch_add(1 + offset * u64::from(size), Relaxed))
    }
    fn write(&self, offset: u64, size: u8, value: u64) -> Option<()> {
        let value = value & (u64::MAX >> (64 - 8 * u32::from(size)));
        (offset < 0x40).then(|| self.0.store(self.state().rotate_left(7) ^ value ^ offset, Relaxed))
    }
    fn describe(&self, _fdt: &mut FdtWriter, _window: Window) -> Result<(), vm_fdt::Error> {
        Ok(())
    }
}

/// How addresses are translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paging {
    Bare,
    Sv39,
    Sv48,
}

/// `satp` of address space `space`, of the tables that [`tables`] makes.
pub fn satp(paging: Paging, space: u64) -> u64 {
    let root = TABLES + space * 0x4000;
    match paging {
        Paging::Bare => 0,
        Paging::Sv39 => 8 << 60 | (space + 1) << 44 | root >> 12,
        Paging::Sv48 => 9 << 60 | (space + 1) << 44 | (root + 0x1000) >> 12,
    }
}

/// Where the entry of page `page` of the zoo in `space` lies.
pub fn zoo_entry(space: u64, page: u64) -> u64 {
    TABLES + space * 0x4000 + 0x3000 + 8 * page
}

const SHARED: u64 = TABLES + SPACES * 0x4000;
const POINTER: u64 = 1;
const READ: u64 = 2;
const WRITE: u64 = 4;
const EXECUTE: u64 = 8;
const USER: u64 = 0x10;
const GLOBAL: u64 = 0x20;
const TOUCHED: u64 = 0xc0;

fn entry(to: u64, bits: u64) -> u64 {
    to >> 12 << 10 | bits
}

/// Write the page tables: RAM by identity for S-mode and with [`ALIAS`] for U-mode, the same in every address space, and
/// a zoo for each.
pub fn tables(ram: &GuestRam, random: &mut Random) {
    let put = |at: u64, value: u64| ram.write(at, &value.to_le_bytes()).unwrap();
    let global = if random.one_in(2) { GLOBAL } else { 0 };
    let large = random.one_in(4);
    for (number, user) in [(0, 0), (1, USER)] {
        let (middle, leaves) = (SHARED + number * 0x2000, SHARED + number * 0x2000 + 0x1000);
        if large {
            // RAM ends within the large page.
            put(middle, entry(RAM_BASE, 1 | READ | WRITE | EXECUTE | user | global | TOUCHED));
            continue;
        }
        put(middle, entry(leaves, POINTER));
        for page in 0..RAM_SIZE >> 12 {
            let at = RAM_BASE + (page << 12);
            let rights = match at {
                HANDLERS..PATCH => READ | EXECUTE,
                PATCH..CODE_END => READ | WRITE | EXECUTE,
                READ_ONLY => READ,
                _ => READ | WRITE,
            };
            // Some are yet to be touched.
            let touched = if random.one_in(8) { random.pick(&[0, 0x40]) } else { TOUCHED };
            put(leaves + 8 * page, entry(at, 1 | rights | user | global | touched));
        }
    }
    for space in 0..SPACES {
        let root = TABLES + space * 0x4000;
        put(root + 0x1000, entry(root, POINTER));
        put(root + 8 * 2, entry(SHARED, POINTER));
        put(root + 8 * 3, entry(SHARED + 0x2000, POINTER));
        put(root + 8 * (ZOO >> 30), entry(root + 0x2000, POINTER));
        put(root + 0x2000, entry(root + 0x3000, POINTER));
        for page in 0..ZOO_PAGES {
            put(zoo_entry(space, page), zoo_page(random, page));
        }
    }
}

fn zoo_page(random: &mut Random, page: u64) -> u64 {
    if page < ZOO_CODE {
        return entry(PATCH + 0x1000 * page, 1 | READ | WRITE | TOUCHED | random.pick(&[0, USER]));
    }
    let data = DATA + 0x1000 * random.below(4);
    let to = random.pick(&[data, data, data, data, LAST, READ_ONLY, CODE, RAM_BASE + RAM_SIZE, 0, METER.base]);
    match random.below(8) {
        0 => entry(to, random.next() & 0x3ff & !GLOBAL),
        1 => entry(to, 1 | READ | TOUCHED) | 1 << random.pick(&[54, 60, 61, 62, 63]),
        _ => entry(
            to,
            1 | random.pick(&[2, 6, 6, 6, 10, 14, 8, 4])
                | random.pick(&[0, USER])
                | random.pick(&[0, 0x40, 0xc0, 0xc0]),
        ),
    }
}

impl Hart {
    /// Set `satp` as if it had always been so.
    pub(super) fn translate_by(&mut self, satp: u64) {
        self.csr.satp = satp;
        self.update_views();
    }
}
