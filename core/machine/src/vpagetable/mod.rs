//! Virtual page tables: memory whose mapping is a table that lies in that memory.
//!
//! This is the MMU of every hart, and a facility of its own ([`VPageTable`]). There is one walker ([`walk`]) for all
//! [`Format`]s, and one software TLB ([`Tlb`]) in front of it.
//!
//! Sources: RISC-V privileged specification, "Sv39" and "Sv48" with Svade/Svadu; DragonFly BSD's `MAP_VPAGETABLE`,
//! vkernel(7) and mcontrol(2), for the VPTE formats.

mod access;
mod bank;
mod banks;
mod format;
mod jumps;
mod large;
mod limits;
mod parts;
mod promote;
mod region;
mod request;
mod reservation;
mod stretch;
mod tlb;
mod walk;
mod window;
mod windows;

pub use access::Trap;
pub use bank::{Entry, FETCH_ENTRIES, LOAD_ENTRIES};
pub use format::{vpte, Format};
pub use jumps::{jump_place, Jump, JUMP_ENTRIES, JUMP_WAYS};
pub use limits::WindowLimits;
pub use region::VPageTable;
pub use request::{Guard, Request, Unguarded};
pub(crate) use tlb::Data;
pub use tlb::{Selected, Tlb, TlbStats, Translation};
pub use walk::{walk, Leaf};

/// Size of the smallest page in every format, bytes.
pub const PAGE_SIZE: u64 = 4096;
pub(crate) const PAGE_SHIFT: u32 = 12;
pub(crate) const PAGE_MASK: u64 = PAGE_SIZE - 1;

/// What memory is accessed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum Access {
    /// Execute.
    Fetch = 0,
    /// Read.
    Load = 1,
    /// Write, or read and write (atomics).
    Store = 2,
}

/// Why a translation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The table does not allow it.
    Page,
    /// The table, or what it maps, lies where there is no memory, or a guard refused it.
    Access,
}

/// An address space as somebody looks at it: which table, and with which rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// Form of the entries.
    pub format: Format,
    /// Sv39 and Sv48: guest-physical address of the root table, page-aligned. VPTE formats: the master entry, that is
    /// the address of the top-level table with the bits of an entry (with `VPTE_PS`: base of a linear mapping).
    /// Bare: not used to translate, but told apart by the TLB, as every field is.
    pub root: u64,
    /// Address space identifier; 0 is an ordinary one.
    pub asid: u16,
    /// Accesses are those of U-mode.
    pub user: bool,
    /// S-mode may load and store user pages (`mstatus.SUM`).
    pub sum: bool,
    /// Executable pages may be loaded from (`mstatus.MXR`).
    pub mxr: bool,
    /// A and D are set by the walk (Svadu) rather than page-faulted on (Svade).
    pub hardware_ad: bool,
}

impl View {
    /// No translation: virtual addresses are guest-physical ones.
    pub const BARE: Self =
        Self { format: Format::Bare, root: 0, asid: 0, user: false, sum: false, mxr: false, hardware_ad: false };
}
