//! One bank of the TLB: the translations of one address space at one kind of privilege.
//!
//! A bank is a direct-mapped array per [`Access`], and a cache of where jumps lead. Translated code reads the arrays, so
//! their layout is fixed. They are taken from the host as zeroed memory, of which only what is used costs anything, and
//! zeroes are empty entries. Beside each array stands which 64ths of it are in use, so that to clear a bank costs what
//! was entered, not what would fit.
//!
//! `unsafe` is the memory of the arrays: translated code has pointers to it, so that it is a raw allocation.

use std::alloc::{alloc_zeroed, dealloc, handle_alloc_error, Layout};
use std::ptr::NonNull;

use super::{Access, PAGE_MASK, PAGE_SHIFT, PAGE_SIZE};

/// Entries for loads, and as many for stores.
pub const LOAD_ENTRIES: usize = 4096;
/// Entries for fetches.
pub const FETCH_ENTRIES: usize = 512;
/// Places in the jump cache.
pub const JUMP_ENTRIES: usize = 4096;

/// Jump cache places of one page of code: instructions begin at even addresses.
const PAGE_JUMPS: usize = PAGE_SIZE as usize / 2;
/// Parts of an array that are told apart: the bits of a word.
const PARTS: usize = u64::BITS as usize;
pub(super) const ALL: [Access; 3] = [Access::Fetch, Access::Load, Access::Store];

/// Where a page of virtual memory lies. The entry of address `va` has index `va >> 12`, modulo the number of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Entry {
    /// Virtual address of the page. In an empty entry it is that of a page with another index.
    pub page: u64,
    /// Host address of its first byte.
    pub host: u64,
}

/// Where the translation of the code at an address lies. That of `pc` has index `pc >> 1`, modulo the number of places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Jump {
    /// Virtual address of the code. In an empty place it is one with another index, or odd.
    pub pc: u64,
    /// Host address of the translation.
    pub code: u64,
}

/// What flushes have to know of an entry: log2 of the size of its page in the table, and whether that is global.
#[derive(Clone, Copy)]
pub(super) struct Origin(u8);

impl Origin {
    const GLOBAL: u8 = 0x80;

    pub fn new(shift: u32, global: bool) -> Self {
        Self(shift as u8 | if global { Self::GLOBAL } else { 0 })
    }

    fn global(self) -> bool {
        self.0 & Self::GLOBAL != 0
    }

    fn shift(self) -> u32 {
        u32::from(self.0 & !Self::GLOBAL)
    }
}

/// The memory of a bank. All zeroes is valid, and empty but for the first entry of each array.
#[repr(C, align(64))]
struct Arrays {
    load: [Entry; LOAD_ENTRIES],
    store: [Entry; LOAD_ENTRIES],
    fetch: [Entry; FETCH_ENTRIES],
    jumps: [Jump; JUMP_ENTRIES],
    load_origins: [Origin; LOAD_ENTRIES],
    store_origins: [Origin; LOAD_ENTRIES],
    fetch_origins: [Origin; FETCH_ENTRIES],
    /// For each entry of `fetch`, which 64ths of its page may have a place in `jumps`.
    jumped: [u64; FETCH_ENTRIES],
}

/// The entries for one kind of access.
struct Slots<'a> {
    entries: &'a mut [Entry],
    origins: &'a mut [Origin],
    touched: &'a mut u64,
}

/// See the module.
pub(super) struct Bank {
    arrays: NonNull<Arrays>,
    /// Which parts of the entries are in use, in the order of [`Access`].
    touched: [u64; 3],
    /// Which parts of the jump cache are in use.
    jumps_touched: u64,
}

// SAFETY: the bank owns its memory, which nothing but translated code of the owner's thread has pointers to.
unsafe impl Send for Bank {}
// SAFETY: through a shared reference the memory is only read.
unsafe impl Sync for Bank {}

impl Bank {
    /// An empty bank.
    pub fn new() -> Self {
        let layout = Layout::new::<Arrays>();
        // SAFETY: the layout has a size.
        let memory = unsafe { alloc_zeroed(layout) };
        let Some(arrays) = NonNull::new(memory.cast()) else { handle_alloc_error(layout) };
        let mut bank = Self { arrays, touched: [1; 3], jumps_touched: 1 };
        bank.clear();
        bank
    }

    /// The entries for `access`. They stay where they are.
    pub fn entries(&self, access: Access) -> *const Entry {
        let arrays = self.arrays.as_ptr();
        // SAFETY: the allocation is as large as `Arrays`; no reference is made.
        unsafe {
            match access {
                Access::Fetch => (&raw const (*arrays).fetch).cast(),
                Access::Load => (&raw const (*arrays).load).cast(),
                Access::Store => (&raw const (*arrays).store).cast(),
            }
        }
    }

    /// The jump cache. It stays where it is.
    pub fn jumps(&self) -> *mut Jump {
        // SAFETY: as in `entries`.
        unsafe { (&raw mut (*self.arrays.as_ptr()).jumps).cast() }
    }

    /// Host address of the page of `va`, if it was entered.
    pub fn find(&mut self, va: u64, access: Access) -> Option<u64> {
        let Slots { entries, .. } = self.slots(access);
        let entry = entries[index(va, entries.len())];
        (entry.page == va & !PAGE_MASK).then_some(entry.host)
    }

    /// Enter that the page of `va` lies at `host`.
    pub fn insert(&mut self, va: u64, access: Access, host: u64, origin: Origin) {
        let slots = self.slots(access);
        let i = index(va, slots.entries.len());
        let entry = Entry { page: va & !PAGE_MASK, host };
        let old = std::mem::replace(&mut slots.entries[i], entry);
        slots.origins[i] = origin;
        *slots.touched |= part(i, slots.entries.len());
        if access == Access::Fetch {
            self.drop_jumps(i, old.page);
        }
    }

    /// Enter where the translation of the code at `pc` lies; if the fetch of that code is not in the bank, do nothing.
    pub fn insert_jump(&mut self, pc: u64, code: u64) {
        let arrays = self.arrays();
        let i = index(pc, FETCH_ENTRIES);
        if arrays.fetch[i].page != pc & !PAGE_MASK || pc & 1 != 0 {
            return;
        }
        let place = (pc >> 1) as usize % JUMP_ENTRIES;
        arrays.jumps[place] = Jump { pc, code };
        arrays.jumped[i] |= part(place % PAGE_JUMPS, PAGE_JUMPS);
        self.jumps_touched |= part(place, JUMP_ENTRIES);
    }

    /// Forget the page of `va`, unless it is global and `local` says to keep such.
    pub fn drop_page(&mut self, va: u64, local: bool) {
        for access in ALL {
            let slots = self.slots(access);
            let i = index(va, slots.entries.len());
            if slots.entries[i].page == va & !PAGE_MASK && !(local && slots.origins[i].global()) {
                self.drop_entry(access, i);
            }
        }
    }

    /// Forget what was entered of the page of size `1 << shift` that `va` lies in, unless it is global and `local` says to
    /// keep such.
    pub fn drop_large(&mut self, va: u64, shift: u32, local: bool) {
        for access in ALL {
            let len = self.slots(access).entries.len();
            let first = index(va >> shift << shift, len);
            let pages = len.min(1 << (shift - PAGE_SHIFT));
            for i in (first..first + pages).map(|i| i % len) {
                let Slots { entries, origins, touched } = self.slots(access);
                if *touched & part(i, len) == 0 {
                    continue;
                }
                let origin = origins[i];
                if origin.shift() == shift && entries[i].page >> shift == va >> shift && !(local && origin.global()) {
                    self.drop_entry(access, i);
                }
            }
        }
    }

    /// Forget all but global pages.
    pub fn drop_local(&mut self) {
        for access in ALL {
            let len = self.slots(access).entries.len();
            for part in bits(self.touched[access as usize]) {
                for i in span(part, len) {
                    if !self.slots(access).origins[i].global() {
                        self.drop_entry(access, i);
                    }
                }
            }
        }
    }

    /// Forget all.
    pub fn clear(&mut self) {
        for access in ALL {
            let Slots { entries, touched, .. } = self.slots(access);
            let parts = std::mem::take(touched);
            let len = entries.len();
            for part in bits(parts) {
                entries[span(part, len)].fill(Entry { page: 0, host: 0 });
            }
            // Page 0 has index 0, and page 1 has not.
            entries[0].page = PAGE_SIZE;
        }
        self.clear_jumps();
    }

    /// Forget the jump cache.
    pub fn clear_jumps(&mut self) {
        let parts = std::mem::take(&mut self.jumps_touched);
        if parts == 0 {
            return;
        }
        let arrays = self.arrays();
        for part in bits(parts) {
            arrays.jumps[span(part, JUMP_ENTRIES)].fill(Jump { pc: 0, code: 0 });
        }
        arrays.jumps[0].pc = u64::MAX;
        arrays.jumped.fill(0);
    }

    /// Empty entry `i` for `access`.
    fn drop_entry(&mut self, access: Access, i: usize) {
        let empty = Entry { page: if i == 0 { PAGE_SIZE } else { 0 }, host: 0 };
        let old = std::mem::replace(&mut self.slots(access).entries[i], empty);
        if access == Access::Fetch {
            self.drop_jumps(i, old.page);
        }
    }

    /// Empty the jump cache of what lies in `page`, which entry `i` for fetches was of.
    fn drop_jumps(&mut self, i: usize, page: u64) {
        let arrays = self.arrays();
        let first = (page >> 1) as usize % JUMP_ENTRIES;
        for part in bits(std::mem::take(&mut arrays.jumped[i])) {
            for place in span(part, PAGE_JUMPS).map(|place| first + place) {
                if arrays.jumps[place].pc & !PAGE_MASK == page {
                    arrays.jumps[place] = Jump { pc: u64::MAX, code: 0 };
                }
            }
        }
    }

    fn arrays(&mut self) -> &mut Arrays {
        // SAFETY: allocated in `new`, all bytes valid since; `self` owns it, and translated code does not run meanwhile.
        unsafe { self.arrays.as_mut() }
    }

    fn slots(&mut self, access: Access) -> Slots<'_> {
        let touched = &mut self.touched[access as usize];
        // SAFETY: as in `arrays`; `touched` lies elsewhere.
        let arrays = unsafe { self.arrays.as_mut() };
        match access {
            Access::Fetch => Slots { entries: &mut arrays.fetch, origins: &mut arrays.fetch_origins, touched },
            Access::Load => Slots { entries: &mut arrays.load, origins: &mut arrays.load_origins, touched },
            Access::Store => Slots { entries: &mut arrays.store, origins: &mut arrays.store_origins, touched },
        }
    }
}

impl Drop for Bank {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout.
        unsafe { dealloc(self.arrays.as_ptr().cast(), Layout::new::<Arrays>()) };
    }
}

/// Index of the entry of `va` among `len`.
fn index(va: u64, len: usize) -> usize {
    (va >> PAGE_SHIFT) as usize % len
}

/// The bit of the part that element `i` of `len` lies in.
fn part(i: usize, len: usize) -> u64 {
    1 << (i / (len / PARTS))
}

/// The elements of `part` of `len`.
fn span(part: usize, len: usize) -> std::ops::Range<usize> {
    let size = len / PARTS;
    part * size..(part + 1) * size
}

/// Numbers of the bits that are set.
pub(super) fn bits(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = word.trailing_zeros();
        word &= word.wrapping_sub(1);
        (bit < u64::BITS).then_some(bit as usize)
    })
}
