//! The software TLB: what a hart asks before every access to memory.
//!
//! One direct-mapped array per [`Access`]. A tag is the page's virtual address with the number of the view
//! ([`super::context`]) in its low bits, so that one comparison settles page, address space and privilege. An entry is
//! in the array only when the access is allowed outright (for stores: the dirty bit is set), and says where in host
//! memory the page lies. Whether it is global, whose it is and how large its page was stands beside, for flushes.
//!
//! Global entries are entered under one view like all others; another address space takes them over at its first miss
//! ([`Tlb::fill`]) without a walk.
//!
//! `unsafe` is one array access without a check of its bounds, which masking guarantees.

use super::context::{kind, salts, Contexts, Selected};
use super::large::LargePages;
use super::walk::walk_guarded;
use super::{Access, Fault, View, PAGE_MASK, PAGE_SHIFT, PAGE_SIZE};
use crate::memory::GuestRam;

/// Entries per kind of access.
pub const TLB_ENTRIES: usize = 2048;
/// log2 of the size of an entry. Places are counted in bytes.
pub(super) const ENTRY_SHIFT: u32 = size_of::<Entry>().trailing_zeros();
const PLACE_MASK: u64 = (TLB_ENTRIES as u64 - 1) << ENTRY_SHIFT;
const ALL: [Access; 3] = [Access::Fetch, Access::Load, Access::Store];

/// Where a virtual address leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Translation {
    /// To RAM: the host address of the byte.
    Ram(*mut u8),
    /// Elsewhere: the guest-physical address. Not remembered.
    Device(u64),
}

#[derive(Clone, Copy, Default)]
#[repr(C)]
struct Entry {
    /// Virtual page address, number of the view. No view has the number 0.
    tag: u64,
    /// Host address less virtual address.
    addend: u64,
}

/// What flushes have to know of an entry.
#[derive(Clone, Copy, Default)]
struct Origin {
    /// How many full flushes had been when it was entered.
    epoch: u32,
    asid: u16,
    /// Format and kind of privilege.
    class: u8,
    /// log2 of the page's size in the table; the top bit says that it is global.
    page: u8,
}

const GLOBAL: u8 = 0x80;

impl Origin {
    fn global(self) -> bool {
        self.page & GLOBAL != 0
    }

    /// First address of the page, as the table has it, that `va` lies in.
    fn base(self, va: u64) -> u64 {
        va & (u64::MAX << u32::from(self.page & !GLOBAL))
    }
}

/// A translation look-aside buffer for one hart.
pub struct Tlb {
    selected: [Selected; 3],
    entries: Box<[[Entry; TLB_ENTRIES]; 3]>,
    origins: Box<[[Origin; TLB_ENTRIES]; 3]>,
    fetch_view: View,
    data_view: View,
    contexts: Contexts,
    epoch: u32,
    /// Large pages that were entered since the last full flush.
    large: LargePages,
}

impl Tlb {
    /// An empty TLB that looks at [`View::BARE`].
    #[must_use]
    pub fn new() -> Self {
        let mut tlb = Self {
            selected: [Selected::default(); 3],
            entries: Box::new([[Entry::default(); TLB_ENTRIES]; 3]),
            origins: Box::new([[Origin::default(); TLB_ENTRIES]; 3]),
            fetch_view: View::BARE,
            data_view: View::BARE,
            contexts: Contexts::new(),
            epoch: 1,
            large: LargePages::new(),
        };
        tlb.reselect();
        tlb
    }

    /// Let all accesses be those of `view`. Flushes nothing.
    #[inline]
    pub fn switch(&mut self, view: &View) {
        if self.fetch_view != *view {
            self.fetch_view = *view;
            self.select_fetch();
        }
        self.switch_data(view);
    }

    /// Let loads and stores be those of `view` (`mstatus.MPRV`, SUM, MXR); fetches stay as they are. Flushes nothing.
    #[inline]
    pub fn switch_data(&mut self, view: &View) {
        if self.data_view != *view {
            self.data_view = *view;
            self.select_data();
        }
    }

    /// Host address of the `len` bytes (1..=4096) at `va` when the TLB knows that `access` may have them. They lie in
    /// RAM and in one page.
    ///
    /// The address is good until the next call that takes `&mut self`.
    #[must_use]
    #[inline(always)]
    pub fn lookup(&self, va: u64, len: u64, access: Access) -> Option<*mut u8> {
        // The page of the last byte has to be the entry's; were it another than that of the first byte, it would be the
        // next one, which has another place.
        self.compare(va, va.wrapping_add(len.wrapping_sub(1)) & !PAGE_MASK, access)
    }

    /// [`Tlb::lookup`] of `len` bytes (1, 2, 4 or 8) that also finds nothing when `va` is not a multiple of `len`, at no
    /// cost: what it finds is naturally aligned.
    #[must_use]
    #[inline(always)]
    pub fn lookup_aligned(&self, va: u64, len: u64, access: Access) -> Option<*mut u8> {
        // Tags have zeros where the address of a misaligned word has ones.
        self.compare(va, va & (!PAGE_MASK | (len.wrapping_sub(1) & 7)), access)
    }

    /// The host address of `va` when `page` is the page that its entry is of.
    #[inline(always)]
    fn compare(&self, va: u64, page: u64, access: Access) -> Option<*mut u8> {
        let selected = &self.selected[access as usize];
        let array = self.entries[access as usize].as_ptr();
        // SAFETY: `place` is below the size of the array and a multiple of that of an entry. (As an index it costs two
        // more shifts, in the one function that runs at every access.)
        let entry = unsafe { &*array.byte_add(place(va, selected.salt)) };
        (entry.tag == page | selected.context).then(|| va.wrapping_add(entry.addend) as *mut u8)
    }

    /// Translate `va` for `access` by `view`, and remember it when it leads to RAM. Call it when [`Tlb::lookup`] found
    /// nothing. `view` need not be the one that is switched to.
    ///
    /// An access that crosses into another page takes two calls.
    ///
    /// # Errors
    /// Those of [`super::walk`].
    pub fn fill(&mut self, ram: &GuestRam, view: &View, va: u64, access: Access) -> Result<Translation, Fault> {
        self.fill_guarded(ram, view, va, access, &|_, _, _| true)
    }

    /// [`Tlb::fill`], with a say for `guard(pa, len, access)` in every entry of the table that is read or written and
    /// in the page (4096 bytes) that is entered: `false` is [`Fault::Access`].
    ///
    /// What `guard` says is remembered with the page: flush all when it changes its mind. It cannot tell the bytes of a
    /// page apart, so the physical memory protection that it stands for has a granularity of 4096 bytes.
    ///
    /// # Errors
    /// Those of [`super::walk`].
    pub fn fill_guarded(
        &mut self,
        ram: &GuestRam,
        view: &View,
        va: u64,
        access: Access,
        guard: &impl Fn(u64, u64, Access) -> bool,
    ) -> Result<Translation, Fault> {
        let selected = self.number(view, access);
        let place = index(va, selected.salt);
        let tag = va & !PAGE_MASK | selected.context;
        let class = (view.format as u8) << 3 | kind(view, access);
        let entry = &mut self.entries[access as usize][place];
        let origin = &self.origins[access as usize][place];
        let here = (entry.tag ^ tag) & !PAGE_MASK == 0 && entry.tag != 0;
        if here && origin.global() && origin.epoch == self.epoch && origin.class == class {
            entry.tag = tag;
            return Ok(Translation::Ram(va.wrapping_add(entry.addend) as *mut u8));
        }
        let leaf = walk_guarded(ram, view, va, access, guard)?;
        let page = leaf.pa & !PAGE_MASK;
        if !guard(page, PAGE_SIZE, access) {
            return Err(Fault::Access);
        }
        let Some(host) = ram.host_at(page, PAGE_SIZE) else {
            return Ok(Translation::Device(leaf.pa));
        };
        let addend = (host.expose_provenance() as u64).wrapping_sub(va & !PAGE_MASK);
        let shift = leaf.size.trailing_zeros();
        self.entries[access as usize][place] = Entry { tag, addend };
        self.origins[access as usize][place] = Origin {
            epoch: self.epoch,
            asid: view.asid,
            class,
            page: shift as u8 | if leaf.global { GLOBAL } else { 0 },
        };
        self.large.insert(va, shift);
        Ok(Translation::Ram(va.wrapping_add(addend) as *mut u8))
    }

    /// Forget what `sfence.vma` (`sinval.vma`) with these operands says: all; one address space but for its global
    /// pages; the page or large page that `va` lies in, in all address spaces; or in one, unless it is global.
    pub fn flush(&mut self, va: Option<u64>, asid: Option<u16>) {
        let Some(va) = va else {
            if asid.is_none() {
                self.advance_epoch();
            }
            self.contexts.retire(asid);
            return self.reselect();
        };
        let large = self.large.may_hold(va);
        for access in ALL {
            if large {
                (0..TLB_ENTRIES).for_each(|place| self.drop_if(access, place, va, asid));
            } else {
                salts(access).for_each(|salt| self.drop_if(access, index(va, salt), va, asid));
            }
        }
    }

    /// Let no entry be taken over any more. Epochs come back only after nothing is left that was entered in one.
    fn advance_epoch(&mut self) {
        self.large.clear();
        self.epoch = self.epoch.checked_add(1).unwrap_or_else(|| {
            self.entries.iter_mut().for_each(|array| array.fill(Entry::default()));
            1
        });
    }

    /// Forget the entry at `place` when a flush of `va` and `asid` covers it.
    fn drop_if(&mut self, access: Access, place: usize, va: u64, asid: Option<u16>) {
        let entry = &mut self.entries[access as usize][place];
        let origin = self.origins[access as usize][place];
        let page = entry.tag & !PAGE_MASK;
        let mine = asid.is_none_or(|asid| asid == origin.asid && !origin.global());
        if mine && origin.base(page) == origin.base(va) {
            *entry = Entry::default();
        }
    }

    fn select_fetch(&mut self) {
        let view = self.fetch_view;
        self.selected[Access::Fetch as usize] = self.number(&view, Access::Fetch);
    }

    fn select_data(&mut self) {
        let view = self.data_view;
        self.selected[Access::Load as usize] = self.number(&view, Access::Load);
        self.selected[Access::Store as usize] = self.selected[Access::Load as usize];
    }

    fn reselect(&mut self) {
        self.select_fetch();
        self.select_data();
    }

    /// The number of `view`, having wiped the TLB if there was none left.
    fn number(&mut self, view: &View, access: Access) -> Selected {
        if let Some(selected) = self.contexts.select(view, access) {
            return selected;
        }
        self.wipe();
        self.contexts.select(view, access).unwrap_or_default()
    }

    fn wipe(&mut self) {
        self.entries.iter_mut().for_each(|array| array.fill(Entry::default()));
        self.contexts.restart();
        self.large.clear();
        self.reselect();
    }
}

impl Default for Tlb {
    fn default() -> Self {
        Self::new()
    }
}

/// Where in its array the entry for `va` lies, in bytes.
#[inline(always)]
fn place(va: u64, salt: u64) -> usize {
    ((va >> (PAGE_SHIFT - ENTRY_SHIFT) ^ salt) & PLACE_MASK) as usize
}

fn index(va: u64, salt: u64) -> usize {
    place(va, salt) >> ENTRY_SHIFT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn global_pages_do_not_survive_four_billion_flushes() {
        const ROOT: u64 = 0x1000;
        let ram = GuestRam::new(0, 0x4000).unwrap();
        // A gigapage at 0, global: V, R, G, A.
        ram.write(ROOT, &0x63u64.to_le_bytes()).unwrap();
        let view = View { format: super::super::Format::Sv39, root: ROOT, ..View::BARE };
        let mut tlb = Tlb::new();
        tlb.switch(&view);
        tlb.fill(&ram, &view, 0x2000, Access::Load).unwrap();
        ram.write(ROOT, &[0]).unwrap();
        // As many flushes later, the first epoch is back.
        tlb.epoch = u32::MAX;
        for _ in 0..2 {
            tlb.flush(None, None);
            assert_eq!(tlb.fill(&ram, &view, 0x2000, Access::Load), Err(Fault::Page));
        }
    }
}
