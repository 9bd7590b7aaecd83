//! The page-table walker.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::{Access, Fault, Format, View, PAGE_MASK, PAGE_SHIFT};
use crate::memory::GuestRam;

/// What a walk found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Guest-physical address that the virtual address maps to. It may lie outside RAM.
    pub pa: u64,
    /// Size of the page as the table has it, bytes.
    pub size: u64,
    /// Whether the view may execute, load, store here (indices are those of [`Access`]); of the path in the VPTE
    /// formats, where every level limits the rights.
    pub rights: [bool; 3],
    /// The mapping is in every address space.
    pub global: bool,
    /// D, or `VPTE_M`, is set in the last entry, now that the walk is done.
    pub dirty: bool,
}

/// Translate `va` for `access` by `view`, through the table in `ram`.
///
/// Sets A and D (`VPTE_A` and `VPTE_M`: at every level that is walked) when `view.hardware_ad`. Never panics, and never
/// touches anything but entries that lie wholly in `ram`.
///
/// # Errors
/// [`Fault::Page`] when the table does not allow the access; [`Fault::Access`] when an entry lies outside `ram`.
pub fn walk(ram: &GuestRam, view: &View, va: u64, access: Access) -> Result<Leaf, Fault> {
    walk_guarded(ram, view, va, access, &|_, _, _| true)
}

/// [`walk`], with a say for `guard(pa, len, access)` in every access to the table: `false` is [`Fault::Access`] (PMP).
///
/// # Errors
/// Those of [`walk`].
#[inline]
pub fn walk_guarded(
    ram: &GuestRam,
    view: &View,
    va: u64,
    access: Access,
    guard: &impl Fn(u64, u64, Access) -> bool,
) -> Result<Leaf, Fault> {
    let format = view.format;
    if format == Format::Bare {
        return Ok(Leaf { pa: va, size: PAGE_MASK + 1, rights: [true; 3], global: false, dirty: true });
    }
    if !format.canonical(va) {
        return Err(Fault::Page);
    }
    let mut level = format.levels();
    let mut shift = PAGE_SHIFT + level * format.index_bits();
    let mut table = view.root & !PAGE_MASK;
    let mut rights = [true; 3];
    let mut global = false;
    if format.has_master() {
        let master = format.decode(view.root, level, view, access).ok_or(Fault::Page)?;
        if master.leaf {
            let pa = master.frame.wrapping_add(va);
            return Ok(Leaf { pa, size: 1 << shift, rights: master.rights, global: master.global, dirty: true });
        }
        (table, rights, global) = (master.frame, master.rights, master.global);
    }
    loop {
        level -= 1;
        shift -= format.index_bits();
        let index = va >> shift & ((1 << format.index_bits()) - 1);
        let at = table.wrapping_add(index * format.entry_size());
        let allowed = |access| guard(at, format.entry_size(), access);
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
            // Somebody may have changed the entry since it was read: then it is judged anew.
            if slot.replace(pte, pte | entry.wanted) {
                entry.dirty |= access == Access::Store;
                break entry;
            }
        };
        for (all, here) in rights.iter_mut().zip(entry.rights) {
            *all &= here;
        }
        global |= entry.global;
        if entry.leaf {
            // The VPTE formats add, so that a frame need not be aligned to its span.
            let pa = entry.frame.wrapping_add(va & ((1 << shift) - 1));
            return Ok(Leaf { pa, size: 1 << shift, rights, global, dirty: entry.dirty });
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
    #[inline]
    fn find(ram: &GuestRam, pa: u64, size: u64) -> Result<Self, Fault> {
        let host =
            ram.host_at(pa, size).filter(|host| (host.addr() as u64).is_multiple_of(size)).ok_or(Fault::Access)?;
        Ok(Self { host, size })
    }

    #[inline]
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
