//! The shapes of page tables and of their entries, as data for the one walker.

use super::{Access, View, PAGE_MASK, PAGE_SIZE};

/// Form of a page table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Format {
    /// No translation.
    Bare = 0,
    /// RISC-V Sv39: three levels of 512 64-bit entries, 39-bit signed addresses.
    Sv39 = 1,
    /// RISC-V Sv48: four levels of 512 64-bit entries, 48-bit signed addresses.
    Sv48 = 2,
    /// The first form of `MAP_VPAGETABLE` (2006): two levels of 1024 32-bit entries with an *invalid* bit and no rights.
    Vpte2006 = 3,
    /// VPTE with a valid bit and rights, 32-bit: two levels of 1024 entries, 32-bit addresses.
    Vpte32 = 4,
    /// VPTE with a valid bit and rights, 64-bit: four levels of 512 entries, 48-bit addresses.
    Vpte64 = 5,
}

/// Bits of a virtual page table entry (VPTE), those of DragonFly BSD's `sys/vkernel.h`.
pub mod vpte {
    /// First form only: the entry maps nothing.
    pub const IV: u64 = 0x001;
    /// The entry maps something.
    pub const V: u64 = 0x001;
    /// The walk ends here: the entry maps its whole span linearly.
    pub const PS: u64 = 0x002;
    /// May be loaded from.
    pub const R: u64 = 0x004;
    /// May be stored to.
    pub const W: u64 = 0x008;
    /// May be executed.
    pub const X: u64 = 0x010;
    /// Accessed; set by the walk.
    pub const A: u64 = 0x020;
    /// Modified; set by the walk.
    pub const M: u64 = 0x040;
    /// May be accessed by users of the address space.
    pub const U: u64 = 0x080;
    /// Left to the owner of the table.
    pub const MANAGED: u64 = 0x100;
    /// Global: in every address space.
    pub const G: u64 = 0x200;
    /// Left to the owner of the table.
    pub const WIRED: u64 = 0x400;
    /// Frame address in a 32-bit entry.
    pub const FRAME32: u64 = 0xffff_f000;
    /// Frame address in a 64-bit entry.
    pub const FRAME64: u64 = 0x000f_ffff_ffff_f000;
}

/// Bits of an Sv39 or Sv48 entry.
mod sv {
    pub const V: u64 = 1 << 0;
    pub const R: u64 = 1 << 1;
    pub const W: u64 = 1 << 2;
    pub const X: u64 = 1 << 3;
    pub const U: u64 = 1 << 4;
    pub const G: u64 = 1 << 5;
    pub const A: u64 = 1 << 6;
    pub const D: u64 = 1 << 7;
    /// N, PBMT and the bits that no extension has taken.
    pub const RESERVED: u64 = !((1 << 54) - 1);
}

/// What may be done with a page: `R`, `W`, `X`, and whether users may (`U`); on the path to it, in the VPTE formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Permissions(u8);

impl Permissions {
    const R: u8 = 1;
    const W: u8 = 2;
    const X: u8 = 4;
    const U: u8 = 8;
    pub const ALL: Self = Self(Self::R | Self::W | Self::X | Self::U);

    #[inline(always)]
    fn new(r: bool, w: bool, x: bool, u: bool) -> Self {
        Self(u8::from(r) | u8::from(w) << 1 | u8::from(x) << 2 | u8::from(u) << 3)
    }

    #[inline(always)]
    fn has(self, bits: u8) -> bool {
        self.0 & bits != 0
    }

    /// What two entries on a path both allow.
    #[inline(always)]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether `view` has `access`.
    #[inline(always)]
    pub fn allow(self, view: &View, access: Access) -> bool {
        let user = self.has(Self::U);
        let (reach, mxr) = match view.format {
            Format::Sv39 | Format::Sv48 if access == Access::Fetch => (user == view.user, false),
            Format::Sv39 | Format::Sv48 => (user == view.user || (!view.user && view.sum), view.mxr),
            _ => (user || !view.user, false),
        };
        let right = match access {
            Access::Fetch => Self::X,
            Access::Load if mxr => Self::R | Self::X,
            Access::Load => Self::R,
            Access::Store => Self::W,
        };
        reach && self.has(right)
    }
}

/// What an entry says to an access that it does not refuse.
pub(super) struct Entry {
    /// Address of the next table, or of the mapped frame.
    pub frame: u64,
    /// The walk ends here.
    pub leaf: bool,
    pub global: bool,
    /// Bits that the access has to find set, or sets.
    pub wanted: u64,
    pub permissions: Permissions,
    /// Stores have been marked already.
    pub dirty: bool,
}

impl Format {
    /// Number of levels of tables.
    pub(super) const fn levels(self) -> u32 {
        match self {
            Self::Bare => 0,
            Self::Sv39 => 3,
            Self::Sv48 | Self::Vpte64 => 4,
            Self::Vpte2006 | Self::Vpte32 => 2,
        }
    }

    /// Bits of the address that index one table.
    pub(super) const fn index_bits(self) -> u32 {
        if self.entry_size() == 4 {
            10
        } else {
            9
        }
    }

    /// Size of an entry, bytes.
    #[must_use]
    pub const fn entry_size(self) -> u64 {
        if matches!(self, Self::Vpte2006 | Self::Vpte32) {
            4
        } else {
            8
        }
    }

    /// Whether `va` is an address in this format at all: sign-extended (Sv39, Sv48), or within the table's span (VPTE).
    pub(super) const fn canonical(self, va: u64) -> bool {
        match self {
            Self::Bare => true,
            Self::Sv39 => ((va << 25) as i64 >> 25) as u64 == va,
            Self::Sv48 => ((va << 16) as i64 >> 16) as u64 == va,
            Self::Vpte2006 | Self::Vpte32 => va >> 32 == 0,
            Self::Vpte64 => va >> 48 == 0,
        }
    }

    /// Whether the walk begins with a master entry ([`View::root`]) that itself has rights and may map.
    pub(super) const fn has_master(self) -> bool {
        matches!(self, Self::Vpte2006 | Self::Vpte32 | Self::Vpte64)
    }

    /// Read `pte`, found at `level` (0 maps single pages), for `access` by `view`. `None` is a page fault.
    #[inline(always)]
    pub(super) fn decode(self, pte: u64, level: u32, view: &View, access: Access) -> Option<Entry> {
        match self {
            Self::Bare => None,
            Self::Sv39 | Self::Sv48 => decode_sv(pte, level, view, access),
            Self::Vpte2006 => decode_2006(pte, level),
            Self::Vpte32 => decode_vpte(pte, vpte::FRAME32, level, view, access),
            Self::Vpte64 => decode_vpte(pte, vpte::FRAME64, level, view, access),
        }
    }
}

#[inline(always)]
fn decode_sv(pte: u64, level: u32, view: &View, access: Access) -> Option<Entry> {
    let has = |bits| pte & bits != 0;
    let frame = pte << 2 & !PAGE_MASK;
    let global = has(sv::G);
    // In a pointer U, A and D are reserved, and level 0 has no tables below it.
    if pte & (sv::V | sv::R | sv::W | sv::X | sv::U | sv::A | sv::D | sv::RESERVED) == sv::V {
        let pointer = Entry { frame, leaf: false, global, wanted: 0, permissions: Permissions::ALL, dirty: true };
        return (level > 0).then_some(pointer);
    }
    if !has(sv::V) || has(sv::RESERVED) || (has(sv::W) && !has(sv::R)) {
        return None;
    }
    // What is neither a pointer nor has rights allows nothing.
    let permissions = Permissions::new(has(sv::R), has(sv::W), has(sv::X), has(sv::U));
    let aligned = frame & ((PAGE_SIZE << (9 * level)) - 1) == 0;
    if !permissions.allow(view, access) || !aligned {
        return None;
    }
    let wanted = if access == Access::Store { sv::A | sv::D } else { sv::A };
    Some(Entry { frame, leaf: true, global, wanted, permissions, dirty: has(sv::D) })
}

#[inline(always)]
fn decode_2006(pte: u64, level: u32) -> Option<Entry> {
    (pte & vpte::IV == 0).then_some(Entry {
        frame: pte & vpte::FRAME32,
        leaf: level == 0 || pte & vpte::PS != 0,
        global: false,
        wanted: 0,
        permissions: Permissions::ALL,
        dirty: true,
    })
}

#[inline(always)]
fn decode_vpte(pte: u64, frame: u64, level: u32, view: &View, access: Access) -> Option<Entry> {
    let has = |bits| pte & bits != 0;
    let permissions = Permissions::new(has(vpte::R), has(vpte::W), has(vpte::X), has(vpte::U));
    let wanted = if access == Access::Store { vpte::A | vpte::M } else { vpte::A };
    (has(vpte::V) && permissions.allow(view, access)).then_some(Entry {
        frame: pte & frame,
        leaf: level == 0 || has(vpte::PS),
        global: has(vpte::G),
        wanted,
        permissions,
        dirty: has(vpte::M),
    })
}
