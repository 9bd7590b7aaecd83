//! One bank of the TLB: the translations of one address space at one kind of privilege.
//!
//! A bank is a direct-mapped array per [`Access`], and a cache of where jumps lead ([`super::jumps`]). Translated code reads the arrays, so
//! their layout is fixed. They are taken from the host as zeroed memory, of which only what is used costs anything, and
//! zeroes are empty entries. Beside each array stands which parts of it are in use, so that to clear a bank costs what
//! was entered, not what would fit.
//!
//! `unsafe` is the memory of the arrays: translated code has pointers to it, so that it is a raw mapping.

#![expect(unsafe_code)]

use std::io;
use std::ptr::NonNull;

use vm_memory::MmapRegion;

use super::jumps::{Jump, Jumps, JUMP_WAYS};
use super::parts::Parts;
use super::window::Window;
use super::{Access, PAGE_MASK, PAGE_SHIFT, PAGE_SIZE};

/// Entries for loads, and as many for stores.
pub const LOAD_ENTRIES: usize = 16384;
/// Entries for fetches.
pub const FETCH_ENTRIES: usize = 4096;
const _: () = assert!(LOAD_ENTRIES.is_power_of_two() && FETCH_ENTRIES.is_power_of_two());
const _: () = assert!(LOAD_ENTRIES <= Parts::MAX && FETCH_ENTRIES <= Parts::MAX);

/// Where a page of virtual memory lies. The entry of address `va` has index `va >> 12`, modulo the number of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Entry {
    /// Virtual address of the page. In an empty entry it is that of a page with another index.
    pub page: u64,
    /// Host address of its first byte.
    pub host: u64,
}

/// What flushes have to know of an entry: log2 of the size of its page in the table, and whether that is global.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Origin(u8);

impl Origin {
    const GLOBAL: u8 = 0x80;

    pub fn new(shift: u32, global: bool) -> Self {
        Self(shift as u8 | if global { Self::GLOBAL } else { 0 })
    }

    /// Part of a large page.
    pub fn is_large(self) -> bool {
        self.shift() > PAGE_SHIFT
    }

    pub fn global(self) -> bool {
        self.0 & Self::GLOBAL != 0
    }

    fn shift(self) -> u32 {
        u32::from(self.0 & !Self::GLOBAL)
    }
}

/// What a flush covers.
#[derive(Clone, Copy)]
pub(super) enum Flush {
    /// The entry of the page that an address lies in.
    Page(u64),
    /// All entries of the page of size `1 << .1` that an address lies in.
    Large(u64, u32),
    /// All entries.
    All,
}

/// Entries for one kind of access.
#[repr(C)]
struct Array<const N: usize> {
    entries: [Entry; N],
    origins: [Origin; N],
}

/// What is in an [`Array`]. It is kept apart, so that what is empty is not touched.
#[derive(Clone, Copy, Default)]
struct Content {
    parts: Parts,
    /// Global pages may be among them.
    global: bool,
}

impl<const N: usize> Array<N> {
    #[inline(always)]
    fn index(va: u64) -> usize {
        (va >> PAGE_SHIFT) as usize % N
    }

    #[inline(always)]
    fn find(&self, va: u64) -> Option<(u64, Origin)> {
        let i = Self::index(va);
        let entry = self.entries[i];
        (entry.page == va & !PAGE_MASK).then_some((entry.host, self.origins[i]))
    }

    /// Returns the index, and the page that was there.
    #[inline(always)]
    fn insert(&mut self, content: &mut Content, va: u64, host: u64, origin: Origin) -> (usize, u64) {
        let i = Self::index(va);
        let old = std::mem::replace(&mut self.entries[i], Entry { page: va & !PAGE_MASK, host });
        self.origins[i] = origin;
        content.parts.insert(i);
        content.global |= origin.global();
        (i, old.page)
    }

    /// Empty what `flush` covers, but for global pages if `local`, and tell `dropped` of index and page.
    #[inline(always)]
    fn flush(&mut self, content: &Content, flush: Flush, local: bool, mut dropped: impl FnMut(usize, u64)) {
        match flush {
            Flush::Page(va) => {
                let i = Self::index(va);
                if content.parts.contain(i) && self.entries[i].page == va & !PAGE_MASK {
                    self.drop_entry(i, local, &mut dropped);
                }
            }
            Flush::Large(va, shift) => {
                // As many entries as it has pages, aligned as it is.
                let count = N.min(1 << (shift - PAGE_SHIFT));
                let first = Self::index(va) / count * count;
                for i in (first..first + count).filter(|i| content.parts.contain(*i)) {
                    if self.entries[i].page >> shift == va >> shift && self.origins[i].shift() == shift {
                        self.drop_entry(i, local, &mut dropped);
                    }
                }
            }
            Flush::All => content.parts.ranges().flatten().for_each(|i| self.drop_entry(i, local, &mut dropped)),
        }
    }

    #[inline(always)]
    fn drop_entry(&mut self, i: usize, local: bool, dropped: &mut impl FnMut(usize, u64)) {
        let (old, empty) = (self.entries[i], Self::empty(i));
        if old != empty && !(local && self.origins[i].global()) {
            self.entries[i] = empty;
            dropped(i, old.page);
        }
    }

    fn clear(&mut self, content: &mut Content) {
        for part in std::mem::take(content).parts.ranges() {
            self.entries[part].fill(Entry { page: 0, host: 0 });
        }
        self.entries[0] = Self::empty(0);
    }

    /// Page 0 has index 0, and page 1 has not.
    fn empty(i: usize) -> Entry {
        Entry { page: if i == 0 { PAGE_SIZE } else { 0 }, host: 0 }
    }
}

/// The memory of a bank. All zeroes is valid, and empty but for the first entry of each array.
#[repr(C)]
struct Memory {
    load: Array<LOAD_ENTRIES>,
    store: Array<LOAD_ENTRIES>,
    fetch: Array<FETCH_ENTRIES>,
    jumps: Jumps,
}

/// Host memory for a bank, all zeroes and not touched yet.
pub(super) struct Room {
    mapping: MmapRegion,
    memory: NonNull<Memory>,
}

impl Room {
    /// # Errors
    /// The host's: it has no memory or no mapping to give.
    pub fn new() -> io::Result<Self> {
        let mapping = MmapRegion::new(size_of::<Memory>()).map_err(io::Error::other)?;
        let memory = NonNull::new(mapping.as_ptr().cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { mapping, memory })
    }
}

/// See the module.
pub(super) struct Bank {
    memory: NonNull<Memory>,
    _mapping: MmapRegion,
    fetch: Content,
    load: Content,
    store: Content,
    /// `None`: the jump cache is empty.
    jumps: Option<Parts>,
    /// Where the pages for loads and stores lie for translated code, if that is provided for.
    pub window: Option<Window>,
}

// SAFETY: the bank owns its memory, which nothing but translated code of the owner's thread has pointers to.
unsafe impl Send for Bank {}
// SAFETY: through a shared reference the memory is only read.
unsafe impl Sync for Bank {}

impl Bank {
    /// Host memory that a bank takes at most, bytes.
    pub const SIZE: usize = size_of::<Memory>();

    /// An empty bank.
    pub fn new(room: Room) -> Self {
        let empty = Content::default();
        let mut bank = Self {
            memory: room.memory,
            _mapping: room.mapping,
            fetch: empty,
            load: empty,
            store: empty,
            jumps: Some(Parts::default()),
            window: None,
        };
        // Zeroes are no empty entries where page 0, and the code at 0, would be.
        bank.memory().jumps.places[..JUMP_WAYS].fill(Jump::NONE);
        bank.clear();
        bank
    }

    /// The entries for `access`. They stay where they are.
    pub fn entries(&self, access: Access) -> *const Entry {
        let memory = self.memory.as_ptr();
        // SAFETY: the mapping is as large as `Memory`; no reference is made.
        unsafe {
            match access {
                Access::Fetch => (&raw const (*memory).fetch.entries).cast(),
                Access::Load => (&raw const (*memory).load.entries).cast(),
                Access::Store => (&raw const (*memory).store.entries).cast(),
            }
        }
    }

    /// The jump cache. It stays where it is.
    pub fn jumps(&self) -> *mut Jump {
        // SAFETY: as in `entries`.
        unsafe { (&raw mut (*self.memory.as_ptr()).jumps.places).cast() }
    }

    /// Host address of the page of `va`, if it was entered, and what it is part of.
    #[inline]
    pub fn find(&mut self, va: u64, access: Access) -> Option<(u64, Origin)> {
        let memory = self.memory();
        match access {
            Access::Fetch => memory.fetch.find(va),
            Access::Load => memory.load.find(va),
            Access::Store => memory.store.find(va),
        }
    }

    /// Enter that the page of `va` lies at `host`.
    #[inline]
    pub fn insert(&mut self, va: u64, access: Access, host: u64, origin: Origin) {
        // SAFETY: as in `memory`; what else is borrowed lies elsewhere.
        let memory = unsafe { self.memory.as_mut() };
        match access {
            Access::Load => _ = memory.load.insert(&mut self.load, va, host, origin),
            Access::Store => _ = memory.store.insert(&mut self.store, va, host, origin),
            Access::Fetch => {
                let (i, page) = memory.fetch.insert(&mut self.fetch, va, host, origin);
                memory.jumps.drop_page(i, page);
            }
        }
    }

    /// Enter where the translation of the code at `pc` lies; if the fetch of that code is not in the bank, do nothing.
    pub fn insert_jump(&mut self, pc: u64, code: u64) {
        let memory = self.memory();
        if memory.fetch.find(pc).is_some() && pc & 1 == 0 {
            let place = memory.jumps.insert(Array::<FETCH_ENTRIES>::index(pc), Jump { pc, code });
            self.jumps.get_or_insert_default().insert(place);
        }
    }

    /// Forget what `flush` covers, but for global pages if `local`.
    pub fn flush(&mut self, flush: Flush, local: bool) {
        let global = self.fetch.global || self.load.global || self.store.global;
        if matches!(flush, Flush::All) && !(local && global) {
            return self.clear();
        }
        if let Some(window) = &mut self.window {
            window.flush(flush, local);
        }
        let (fetch, load, store) = (self.fetch, self.load, self.store);
        let memory = self.memory();
        memory.load.flush(&load, flush, local, |_, _| ());
        memory.store.flush(&store, flush, local, |_, _| ());
        memory.fetch.flush(&fetch, flush, local, |i, page| memory.jumps.drop_page(i, page));
    }

    /// Forget all.
    pub fn clear(&mut self) {
        if let Some(window) = &mut self.window {
            window.hide();
        }
        self.clear_jumps();
        // SAFETY: as in `memory`; what else is borrowed lies elsewhere.
        let memory = unsafe { self.memory.as_mut() };
        memory.load.clear(&mut self.load);
        memory.store.clear(&mut self.store);
        memory.fetch.clear(&mut self.fetch);
    }

    /// Forget what stores go by; returns how many pieces of the window that was.
    pub fn forget_stores(&mut self) -> usize {
        // SAFETY: as in `memory`; what else is borrowed lies elsewhere.
        unsafe { self.memory.as_mut() }.store.clear(&mut self.store);
        self.window.as_mut().map_or(0, Window::forget_stores)
    }

    /// Forget the jump cache.
    pub fn clear_jumps(&mut self) {
        if let Some(parts) = self.jumps.take() {
            // SAFETY: as in `memory`; what else is borrowed lies elsewhere.
            unsafe { self.memory.as_mut() }.jumps.clear(parts, self.fetch.parts);
        }
    }

    fn memory(&mut self) -> &mut Memory {
        // SAFETY: mapped by `Room::new`, all bytes valid since; `self` owns it, and translated code does not run meanwhile.
        unsafe { self.memory.as_mut() }
    }
}
