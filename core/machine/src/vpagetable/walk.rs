//! The page-table walker.
//!
//! `unsafe` is the entries of tables, host atomics at addresses: harts write to them meanwhile.

#![expect(unsafe_code)]

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::format::Permissions;
use super::{Access, Fault, Format, Guard, Request, View, PAGE_MASK, PAGE_SHIFT, PAGE_SIZE};
use crate::memory::GuestRam;

/// What a walk found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Guest-physical address that the virtual address maps to. It may lie outside RAM.
    pub pa: u64,
    /// Size of the page as the table has it, bytes.
    pub size: u64,
    pub(super) permissions: Permissions,
    /// The mapping is in every address space.
    pub global: bool,
    /// D, or `VPTE_M` of all entries on the path, is set, now that the walk is done.
    pub dirty: bool,
}

impl Leaf {
    /// Whether `view`, which is of the format that was walked, has `access`.
    #[must_use]
    pub fn allows(&self, view: &View, access: Access) -> bool {
        self.permissions.allow(view, access)
    }
}

/// Translate what is requested, through the table.
///
/// Sets A and D (`VPTE_A` and `VPTE_M`: at every level that is walked) when `view.hardware_ad`. Never panics, and never
/// touches anything but entries that lie wholly in `ram`.
///
/// # Errors
/// [`Fault::Page`] when the table does not allow the access; [`Fault::Access`] when an entry lies outside `ram`, or where the
/// guard does not allow to read or write it.
#[inline]
pub fn walk<G: Guard>(request: &Request<'_, G>) -> Result<Leaf, Fault> {
    // One walker, and one copy of it for each format.
    match request.view.format {
        Format::Bare => {
            let permissions = Permissions::ALL;
            Ok(Leaf { pa: request.va, size: PAGE_SIZE, permissions, global: false, dirty: true })
        }
        Format::Sv39 => walk_format(Format::Sv39, request),
        Format::Sv48 => walk_format(Format::Sv48, request),
        Format::Vpte2006 => walk_format(Format::Vpte2006, request),
        Format::Vpte32 => walk_format(Format::Vpte32, request),
        Format::Vpte64 => walk_format(Format::Vpte64, request),
    }
}

#[inline(always)]
fn walk_format<G: Guard>(format: Format, request: &Request<'_, G>) -> Result<Leaf, Fault> {
    let Request { ram, va, access, guard, .. } = *request;
    let view = &View { format, ..*request.view };
    if !format.canonical(va) {
        return Err(Fault::Page);
    }
    let mut level = format.levels();
    let mut shift = PAGE_SHIFT + level * format.index_bits();
    let mut table = view.root & !PAGE_MASK;
    let mut permissions = Permissions::ALL;
    let (mut global, mut dirty) = (false, true);
    if format.has_master() {
        let master = format.decode(view.root, level, view, access).ok_or(Fault::Page)?;
        (permissions, global) = (master.permissions, master.global);
        if master.leaf {
            let pa = master.frame.wrapping_add(va);
            return Ok(Leaf { pa, size: 1 << shift, permissions, global, dirty });
        }
        table = master.frame;
    }
    loop {
        level -= 1;
        shift -= format.index_bits();
        let index = va >> shift & ((1 << format.index_bits()) - 1);
        let at = table.wrapping_add(index * format.entry_size());
        let allowed = |access| guard.allows(at, format.entry_size(), access);
        if !allowed(Access::Load) {
            return Err(Fault::Access);
        }
        let slot = Slot::find(ram, at, format.entry_size())?;
        let entry = loop {
            let pte = slot.load();
            let mut entry = format.decode(pte, level, view, access).ok_or(Fault::Page)?;
            if pte & entry.wanted == entry.wanted {
                break entry;
            }
            if !view.hardware_ad {
                return Err(Fault::Page);
            }
            if !allowed(Access::Store) {
                return Err(Fault::Access);
            }
            ram.writes().note(ram.number(slot.host));
            // Somebody may have changed the entry since it was read: then it is judged anew.
            if slot.replace(pte, pte | entry.wanted) {
                entry.dirty |= access == Access::Store;
                break entry;
            }
        };
        permissions = permissions.and(entry.permissions);
        global |= entry.global;
        dirty &= entry.dirty;
        if entry.leaf {
            // The VPTE formats add, so that a frame need not be aligned to its span.
            let pa = entry.frame.wrapping_add(va & ((1 << shift) - 1));
            return Ok(Leaf { pa, size: 1 << shift, permissions, global, dirty });
        }
        table = entry.frame;
    }
}

/// An entry of a table: 4 or 8 bytes in RAM, naturally aligned.
struct Slot {
    host: *mut u8,
    size: u64,
}

impl Slot {
    /// The entry of `size` bytes at `pa`.
    #[inline(always)]
    fn find(ram: &GuestRam, pa: u64, size: u64) -> Result<Self, Fault> {
        let host =
            ram.host_at(pa, size).filter(|host| (host.addr() as u64).is_multiple_of(size)).ok_or(Fault::Access)?;
        Ok(Self { host, size })
    }

    #[inline(always)]
    fn load(&self) -> u64 {
        if self.size == 4 {
            // SAFETY: `find` checked that the entry lies in RAM, which outlives the walk, and that it is aligned;
            // harts access their memory atomically.
            return u64::from(unsafe { AtomicU32::from_ptr(self.host.cast()) }.load(Ordering::Acquire));
        }
        // SAFETY: as above.
        unsafe { AtomicU64::from_ptr(self.host.cast()) }.load(Ordering::Acquire)
    }

    /// Put `new` in the place of `old`; `false` when something else is there.
    fn replace(&self, old: u64, new: u64) -> bool {
        let (success, failure) = (Ordering::AcqRel, Ordering::Relaxed);
        if self.size == 4 {
            // SAFETY: as in `load`.
            let entry = unsafe { AtomicU32::from_ptr(self.host.cast()) };
            return entry.compare_exchange(old as u32, new as u32, success, failure).is_ok();
        }
        // SAFETY: as in `load`.
        let entry = unsafe { AtomicU64::from_ptr(self.host.cast()) };
        entry.compare_exchange(old, new, success, failure).is_ok()
    }
}
