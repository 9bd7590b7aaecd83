//! A page-table walk as prose has it: one copy of the entry at a time, no atomics, no shared shape for the formats.

use machine::memory::GuestRam;
use machine::vpagetable::{Access, Fault, Format, View};

pub const BASE: u64 = 0x8000_0000;

pub fn ram(pages: u64) -> GuestRam {
    GuestRam::new(BASE, pages * 4096).expect("RAM")
}

pub fn read(ram: &GuestRam, pa: u64, size: u64) -> Result<u64, Fault> {
    let mut bytes = [0; 8];
    ram.read(pa, &mut bytes[..size as usize]).map_err(|_| Fault::Access)?;
    Ok(u64::from_le_bytes(bytes))
}

pub fn write(ram: &GuestRam, pa: u64, size: u64, value: u64) {
    ram.write(pa, &value.to_le_bytes()[..size as usize]).expect("inside");
}

/// What a walk should find: physical address, page size, global.
pub type Found = (u64, u64, bool);

pub fn walk(ram: &GuestRam, view: &View, va: u64, access: Access) -> Result<Found, Fault> {
    match view.format {
        Format::Bare => Ok((va, 4096, false)),
        Format::Sv39 => riscv(ram, view, va, access, 3),
        Format::Sv48 => riscv(ram, view, va, access, 4),
        Format::Vpte2006 => first(ram, view, va),
        Format::Vpte32 => vpte(ram, view, va, access, 4, 10, 32),
        Format::Vpte64 => vpte(ram, view, va, access, 8, 9, 48),
    }
}

/// Privileged specification, "Virtual Address Translation Process", steps 1 to 8.
fn riscv(ram: &GuestRam, view: &View, va: u64, access: Access, levels: u32) -> Result<Found, Fault> {
    let bits = 12 + 9 * levels;
    let top = va >> (bits - 1);
    if top != 0 && top != u64::MAX >> (bits - 1) {
        return Err(Fault::Page);
    }
    let (mut a, mut i, mut global) = (view.root, levels - 1, false);
    loop {
        let at = a + (va >> (12 + 9 * i) & 511) * 8;
        let pte = read(ram, at, 8)?;
        let bit = |n: u32| pte >> n & 1 == 1;
        let (v, r, w, x, u, g, accessed, dirty) = (bit(0), bit(1), bit(2), bit(3), bit(4), bit(5), bit(6), bit(7));
        let ppn = pte >> 10 & ((1 << 44) - 1);
        if !v || (!r && w) || pte >> 54 != 0 {
            return Err(Fault::Page);
        }
        global |= g;
        if !r && !x {
            if u || accessed || dirty || i == 0 {
                return Err(Fault::Page);
            }
            i -= 1;
            a = ppn << 12;
            continue;
        }
        let allowed = match access {
            Access::Fetch => x,
            Access::Load => r || (x && view.mxr),
            Access::Store => w,
        };
        let privilege = match (view.user, u) {
            (true, u) => u,
            (false, false) => true,
            (false, true) => view.sum && access != Access::Fetch,
        };
        if !allowed || !privilege || ppn % (1 << (9 * i)) != 0 {
            return Err(Fault::Page);
        }
        if !accessed || (access == Access::Store && !dirty) {
            if !view.hardware_ad {
                return Err(Fault::Page);
            }
            write(ram, at, 8, pte | 1 << 6 | if access == Access::Store { 1 << 7 } else { 0 });
        }
        let size = 1 << (12 + 9 * i);
        return Ok(((ppn << 12) + va % size, size, global));
    }
}

/// The first `MAP_VPAGETABLE`: bit 0 invalid, bit 1 page size, nothing else.
fn first(ram: &GuestRam, view: &View, va: u64) -> Result<Found, Fault> {
    if va >= 1 << 32 {
        return Err(Fault::Page);
    }
    let mut entry = view.root & 0xffff_ffff;
    for span in [1u64 << 32, 1 << 22, 1 << 12] {
        if entry % 2 == 1 {
            return Err(Fault::Page);
        }
        let frame = entry / 4096 * 4096;
        if entry / 2 % 2 == 1 || span == 4096 {
            return Ok((frame + va % span, span, false));
        }
        entry = read(ram, frame + va % span / (span / 1024) * 4, 4)?;
    }
    unreachable!("the last span is that of a page")
}

/// VPTEs with a valid bit: every level, the master entry included, limits the rights.
fn vpte(
    ram: &GuestRam,
    view: &View,
    va: u64,
    access: Access,
    size: u64,
    index: u32,
    bits: u32,
) -> Result<Found, Fault> {
    if va >> bits != 0 {
        return Err(Fault::Page);
    }
    let (mut entry, mut left, mut global) = (view.root, bits, false);
    loop {
        let bit = |n: u32| entry >> n & 1 == 1;
        let right = match access {
            Access::Load => bit(2),
            Access::Store => bit(3),
            Access::Fetch => bit(4),
        };
        if !bit(0) || !right || (view.user && !bit(7)) {
            return Err(Fault::Page);
        }
        global |= bit(9);
        let frame = entry & ((1 << if size == 4 { 32 } else { 52 }) - 4096);
        if bit(1) || left == 12 {
            return Ok((frame + va % (1 << left), 1 << left, global));
        }
        left -= index;
        let at = frame + (va >> left) % (1 << index) * size;
        entry = read(ram, at, size)?;
        let store = access == Access::Store;
        let permitted =
            entry & 1 == 1 && entry >> [4, 2, 3][access as usize] & 1 == 1 && (!view.user || entry >> 7 & 1 == 1);
        let marked = entry | 0x20 | if store { 0x40 } else { 0 };
        if permitted && marked != entry {
            if !view.hardware_ad {
                return Err(Fault::Page);
            }
            write(ram, at, size, marked);
        }
    }
}
