//! What a page table is asked for.

use super::{Access, View};
use crate::memory::GuestRam;

/// A translation that somebody asks for: which access, to which address, as seen by whom.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a, G = Unguarded> {
    /// Where the table lies, and as a rule what it maps.
    pub ram: &'a GuestRam,
    /// Whose address it is.
    pub view: &'a View,
    /// The address. An access that crosses into another page takes two requests.
    pub va: u64,
    /// What for.
    pub access: Access,
    /// Who has a say in it.
    pub guard: G,
}

impl<'a> Request<'a> {
    /// A request in which nobody else has a say.
    #[must_use]
    pub fn new(ram: &'a GuestRam, view: &'a View, va: u64, access: Access) -> Self {
        Self { ram, view, va, access, guard: Unguarded }
    }

    /// The same request, in which `guard` has a say.
    #[must_use]
    pub fn guarded<G: Guard>(self, guard: G) -> Request<'a, G> {
        Request { ram: self.ram, view: self.view, va: self.va, access: self.access, guard }
    }
}

/// Has a say in every access to an entry of a table, and to a page that is to be remembered: physical memory protection (PMP).
pub trait Guard: Copy {
    /// Whether there may be `access` to the `len` bytes at guest-physical address `pa`; if not, that is
    /// [`super::Fault::Access`]. An entry has 4 or 8 bytes, a page 4096: it cannot tell the bytes of a page apart.
    fn allows(self, pa: u64, len: u64, access: Access) -> bool;
}

/// Allows all.
#[derive(Clone, Copy, Debug)]
pub struct Unguarded;

impl Guard for Unguarded {
    #[inline(always)]
    fn allows(self, _: u64, _: u64, _: Access) -> bool {
        true
    }
}

impl<F: Fn(u64, u64, Access) -> bool + Copy> Guard for F {
    #[inline(always)]
    fn allows(self, pa: u64, len: u64, access: Access) -> bool {
        self(pa, len, access)
    }
}
