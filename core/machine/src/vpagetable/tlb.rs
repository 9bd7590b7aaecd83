//! The software TLB: what a hart asks before every access to memory.
//!
//! One direct-mapped array per [`Access`]. A tag is the page's virtual address with the number of the view
//! ([`super::context`]) in its low bits, so that one comparison settles page, address space and privilege. An entry is
//! in the array only when the access is allowed outright (for stores: the dirty bit is set), and says where in host
//! memory the page lies. Whether it is global, whose it is and how large its page was stands beside, for flushes.
//!
//! Global entries are entered under one view like all others; another address space takes them over at its first miss
//! ([`Tlb::fill`]) without a walk.

use super::context::{kind, salts, Contexts, Selected};
use super::walk::walk_guarded;
use super::{Access, Fault, View, PAGE_MASK, PAGE_SHIFT, PAGE_SIZE};
use crate::memory::GuestRam;

/// Entries per kind of access.
pub const TLB_ENTRIES: usize = 2048;
const INDEX_MASK: u64 = TLB_ENTRIES as u64 - 1;
const ALL: [Access; 3] = [Access::Fetch, Access::Load, Access::Store];
/// Bits of the filter of large pages.
const FILTER_BITS: u64 = 4096;

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
    views: [View; 3],
    contexts: Contexts,
    epoch: u32,
    /// Bit `s`: a page of size `1 << s` was entered since the last full flush. Single pages are not counted.
    sizes: u64,
    /// Hashes of the large pages that were entered since the last full flush.
    large: Box<[u64; FILTER_BITS as usize / 64]>,
}

impl Tlb {
    /// An empty TLB that looks at [`View::BARE`].
    #[must_use]
    pub fn new() -> Self {
        let mut tlb = Self {
            selected: [Selected::default(); 3],
            entries: Box::new([[Entry::default(); TLB_ENTRIES]; 3]),
            origins: Box::new([[Origin::default(); TLB_ENTRIES]; 3]),
            views: [View::BARE; 3],
            contexts: Contexts::new(),
            epoch: 1,
            sizes: 0,
            large: Box::new([0; FILTER_BITS as usize / 64]),
        };
        tlb.reselect();
        tlb
    }

    /// Let all accesses be those of `view`. Flushes nothing.
    pub fn switch(&mut self, view: &View) {
        if self.views != [*view; 3] {
            self.views = [*view; 3];
            self.reselect();
        }
    }

    /// Let loads and stores be those of `view` (`mstatus.MPRV`, SUM, MXR); fetches stay as they are. Flushes nothing.
    pub fn switch_data(&mut self, view: &View) {
        if self.views[1..] != [*view; 2] {
            self.views[1..].fill(*view);
            self.reselect();
        }
    }

    /// Host address of the `len` bytes (1..=4096) at `va` when the TLB knows that `access` may have them. They lie in
    /// RAM and in one page.
    ///
    /// The address is good until the next call that takes `&mut self`.
    #[must_use]
    #[inline(always)]
    pub fn lookup(&self, va: u64, len: u64, access: Access) -> Option<*mut u8> {
        let selected = &self.selected[access as usize];
        let entry = &self.entries[access as usize][((va >> PAGE_SHIFT ^ selected.salt) & INDEX_MASK) as usize];
        // The page of the last byte has to be the entry's; were it another than that of the first byte, it would be the
        // next one, which has another place.
        let last = va.wrapping_add(len.wrapping_sub(1));
        (entry.tag == (last & !PAGE_MASK | selected.context)).then(|| va.wrapping_add(entry.addend) as *mut u8)
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
        let place = place(va, selected.salt);
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
        if shift > PAGE_SHIFT {
            let bit = filter_bit(va, shift);
            self.sizes |= 1 << shift;
            self.large[(bit / 64) as usize] |= 1 << (bit % 64);
        }
        Ok(Translation::Ram(va.wrapping_add(addend) as *mut u8))
    }

    /// Forget what `sfence.vma` (`sinval.vma`) with these operands says: all; one address space but for its global
    /// pages; the page or large page that `va` lies in, in all address spaces; or in one, unless it is global.
    pub fn flush(&mut self, va: Option<u64>, asid: Option<u16>) {
        let Some(va) = va else {
            if asid.is_none() {
                self.epoch = self.epoch.wrapping_add(1);
                self.sizes = 0;
                self.large.fill(0);
            }
            self.contexts.retire(asid);
            return self.reselect();
        };
        let large = self.in_large_page(va);
        for access in ALL {
            if large {
                (0..TLB_ENTRIES).for_each(|place| self.drop_if(access, place, va, asid));
            } else {
                salts().for_each(|salt| self.drop_if(access, place(va, salt), va, asid));
            }
        }
    }

    /// Whether `va` may lie in a large page that was entered; seldom wrongly so.
    fn in_large_page(&self, va: u64) -> bool {
        let mut sizes = self.sizes;
        while sizes != 0 {
            let bit = filter_bit(va, sizes.trailing_zeros());
            if self.large[(bit / 64) as usize] >> (bit % 64) & 1 != 0 {
                return true;
            }
            sizes &= sizes - 1;
        }
        false
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

    fn reselect(&mut self) {
        for access in ALL {
            let view = self.views[access as usize];
            self.selected[access as usize] = self.number(&view, access);
        }
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
        self.sizes = 0;
        self.large.fill(0);
        self.reselect();
    }
}

impl Default for Tlb {
    fn default() -> Self {
        Self::new()
    }
}

fn place(va: u64, salt: u64) -> usize {
    ((va >> PAGE_SHIFT ^ salt) & INDEX_MASK) as usize
}

fn filter_bit(va: u64, shift: u32) -> u64 {
    let page = (va >> shift) << 6 | u64::from(shift);
    page.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - FILTER_BITS.trailing_zeros())
}
