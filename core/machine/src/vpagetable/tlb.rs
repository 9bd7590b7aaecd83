//! The software TLB: what a hart asks before every access to memory.
//!
//! Translations are in banks ([`super::bank`]), one for each address space and kind of privilege ([`super::banks`]), so
//! that an entry is nothing but a page and where it lies; to switch is to choose banks. An entry is in a bank only
//! when the access is allowed outright (for stores: the dirty bit is set).
//!
//! Translated code looks up for itself. For a load of `size` bytes at `va`, with `selected` at the beginning of [`Tlb`]:
//! ```text
//! entry  = selected.load[va >> 12 & (LOAD_ENTRIES - 1)]
//! offset = va - entry.page                 (64 bits, wrapping)
//! host   = entry.host + offset             if offset <= 4096 - size, unsigned; else it is a miss
//! code   = selected.jumps[jump_place(pc)], if its pc is that, or the places beside it
//! ```
//! Every call that takes `&mut Tlb` may change `selected` and what it points to.
//!
//! `unsafe` is the same lookup here.

#![expect(unsafe_code)]

use std::io;
use std::mem::offset_of;

use super::bank::{Bank, Entry, Flush, Origin, FETCH_ENTRIES, LOAD_ENTRIES};
use super::banks::{Banks, Key};
use super::jumps::Jump;
use super::large::LargePages;
use super::limits::WindowLimits;
use super::walk::{walk, Leaf};
use super::window::Window;
use super::{Access, Fault, Format, Guard, Request, View, PAGE_MASK, PAGE_SHIFT, PAGE_SIZE};

/// Where a virtual address leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Translation {
    /// To RAM: the host address of the byte.
    Ram(*mut u8),
    /// Elsewhere: the guest-physical address. Not remembered.
    Device(u64),
}

/// The arrays of the banks that are selected, for translated code.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Selected {
    /// [`LOAD_ENTRIES`] entries for loads.
    pub load: *const Entry,
    /// [`LOAD_ENTRIES`] entries for stores.
    pub store: *const Entry,
    /// [`FETCH_ENTRIES`] entries for fetches.
    pub fetch: *const Entry,
    /// [`super::JUMP_ENTRIES`] places. A jump in it is to a page that there is an entry for fetches of. Places may be
    /// emptied through the pointer; [`Tlb::jump_insert`] fills them.
    pub jumps: *mut Jump,
    /// Host address at which virtual address 0 of loads and stores lies: `window + (va as i64)` is where translated code
    /// accesses the Sv39 address `va`, and up to 1 MiB beyond either end of them. There is a SIGSEGV unless the page was
    /// promoted for that ([`Tlb::promote`]).
    pub window: *mut u8,
}

/// What loads and stores of the supervisor go by: what [`Selected`] has of it.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Data {
    /// As there, but null when it is not known.
    pub load: *const Entry,
    pub store: *const Entry,
    pub window: *mut u8,
    /// So that translated code finds it by a shift.
    _size: u64,
}

impl Data {
    const UNKNOWN: Self =
        Self { load: std::ptr::null(), store: std::ptr::null(), window: std::ptr::null_mut(), _size: 0 };
}

/// What a TLB has done since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TlbStats {
    /// Loads that found no entry.
    pub load_misses: u64,
    /// Stores that found no entry.
    pub store_misses: u64,
    /// Fetches that found no entry.
    pub fetch_misses: u64,
    /// Misses that took a walk through the table.
    pub walks: u64,
    /// Flushes of any kind.
    pub flushes: u64,
    /// Calls of [`Tlb::promote`].
    pub promotions: u64,
    /// Those that promoted nothing.
    pub refusals: u64,
    /// Pieces of RAM that are mapped in windows, hidden ones among them.
    pub pieces: usize,
    /// Times that the host was asked to hide or unmap some.
    pub drops: u64,
}

/// A translation look-aside buffer for one hart.
#[repr(C)]
pub struct Tlb {
    pub(super) selected: Selected,
    /// What is selected for the supervisor in the address space that it was in last, without `mstatus.SUM` and with it.
    sums: [Data; 2],
    fetch_view: View,
    pub(super) data_view: View,
    /// The view that `sums` are of, whatever it has of SUM.
    supervisor: View,
    pub(super) banks: Banks,
    /// Large pages that were entered since the last full flush.
    pub(super) large: LargePages,
    pub(super) limits: WindowLimits,
    /// [`Selected::window`] of banks without one.
    pub(super) nowhere: *mut u8,
    pub(super) stats: TlbStats,
}

// SAFETY: the pointers are to the memory of `banks`, which moves along, and to what is nobody's.
unsafe impl Send for Tlb {}
// SAFETY: through a shared reference that memory is only read.
unsafe impl Sync for Tlb {}

const _: () = assert!(std::mem::offset_of!(Tlb, selected) == 0);

impl Tlb {
    /// Where translated code finds the [`Data`] for the supervisor without SUM and with it, if they are known. When it goes from
    /// one to the other it copies them to what is selected, and says so at [`Tlb::SUM`], one byte.
    pub(crate) const SUMS: usize = offset_of!(Self, sums);
    /// See [`Tlb::SUMS`].
    pub(crate) const SUM: usize = offset_of!(Self, data_view) + offset_of!(View, sum);

    /// An empty TLB that looks at [`View::BARE`].
    ///
    /// # Errors
    /// The host's, when it has no memory or no mapping to give. A TLB that was made gets on with what it has.
    pub fn new() -> io::Result<Self> {
        let null = Selected {
            load: std::ptr::null(),
            store: std::ptr::null(),
            fetch: std::ptr::null(),
            jumps: std::ptr::null_mut(),
            window: std::ptr::null_mut(),
        };
        let mut tlb = Self {
            selected: null,
            sums: [Data::UNKNOWN; 2],
            fetch_view: View::BARE,
            data_view: View::BARE,
            supervisor: View::BARE,
            banks: Banks::new()?,
            large: LargePages::new(),
            limits: WindowLimits::NONE,
            nowhere: std::ptr::null_mut(),
            stats: TlbStats::default(),
        };
        tlb.reselect();
        Ok(tlb)
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
        if self.data_view == *view {
            return;
        }
        self.data_view = *view;
        if !view.user {
            if !same_but_sum(&self.supervisor, view) {
                self.forget_sums();
                self.supervisor = *view;
            }
            let Data { load, store, window, .. } = self.sums[usize::from(view.sum)];
            if !load.is_null() {
                (self.selected.load, self.selected.store, self.selected.window) = (load, store, window);
                return;
            }
        }
        self.select_data();
    }

    /// The arrays that are selected. Translated code finds them at the beginning of the TLB.
    #[must_use]
    pub fn selected(&self) -> &Selected {
        &self.selected
    }

    /// Host address of the `len` bytes (1..=4096) at `va` when the TLB knows that `access` may have them. They lie in
    /// RAM and in one page.
    ///
    /// The address is good until the next call that takes `&mut self`.
    #[must_use]
    #[inline(always)]
    pub fn lookup(&self, va: u64, len: u64, access: Access) -> Option<*mut u8> {
        let (entries, count) = match access {
            Access::Fetch => (self.selected.fetch, FETCH_ENTRIES),
            Access::Load => (self.selected.load, LOAD_ENTRIES),
            Access::Store => (self.selected.store, LOAD_ENTRIES),
        };
        // SAFETY: arrays of that many entries in a bank that `self` owns; they change under `&mut self` only.
        let entry = unsafe { &*entries.add((va >> PAGE_SHIFT) as usize % count) };
        let offset = va.wrapping_sub(entry.page);
        (offset <= PAGE_SIZE.wrapping_sub(len)).then(|| entry.host.wrapping_add(offset) as *mut u8)
    }

    /// [`Tlb::lookup`] of `len` bytes (1, 2, 4 or 8) that also finds nothing when `va` is not a multiple of `len`: what it
    /// finds is naturally aligned.
    #[must_use]
    #[inline(always)]
    pub fn lookup_aligned(&self, va: u64, len: u64, access: Access) -> Option<*mut u8> {
        if va & len.wrapping_sub(1) != 0 {
            return None;
        }
        self.lookup(va, 1, access)
    }

    /// Translate what is requested, and remember it when it leads to RAM. Call it when [`Tlb::lookup`] found nothing. The
    /// view need not be the one that is switched to.
    ///
    /// What the guard says is remembered with the page: flush all when it changes its mind. It is asked for whole pages, so
    /// that the physical memory protection that it stands for has a granularity of 4096 bytes.
    ///
    /// # Errors
    /// Those of [`super::walk`], and [`Fault::Access`] where the guard does not allow the page.
    pub fn fill<G: Guard>(&mut self, request: &Request<'_, G>) -> Result<Translation, Fault> {
        let Request { ram, view, va, access, guard } = *request;
        self.count_miss(access);
        let key = Key::of(view, access);
        let number = self.banks.find(key);
        let at = |host: u64| Ok(Translation::Ram((host | va & PAGE_MASK) as *mut u8));
        // Another address space may have entered it, being global, or the same one with other privilege.
        let bank = self.banks.bank(number);
        let entered = bank.find(va, access).map(|(host, _)| host);
        if let Some(host) = entered.or_else(|| self.banks.take_over(number, key, va, access)) {
            return at(host);
        }
        let leaf = match self.large.find(view, va, access) {
            Some(leaf) => leaf,
            None => self.walk(request)?,
        };
        let page = leaf.pa & !PAGE_MASK;
        if !guard.allows(page, PAGE_SIZE, access) {
            return Err(Fault::Access);
        }
        let Some(host) = ram.host_at(page, PAGE_SIZE) else {
            return Ok(Translation::Device(leaf.pa));
        };
        let host = host.expose_provenance() as u64;
        if access == Access::Store {
            ram.writes().note(ram.number(host as *const u8));
        }
        let own = if leaf.global { number } else { self.banks.unshare(number, key) };
        let origin = Origin::new(leaf.size.trailing_zeros(), leaf.global);
        self.banks.bank(own).insert(va, access, host, origin);
        if own != number {
            self.reselect();
        }
        at(host)
    }

    fn walk<G: Guard>(&mut self, request: &Request<'_, G>) -> Result<Leaf, Fault> {
        self.stats.walks += 1;
        let leaf = walk(request)?;
        self.large.insert(request.view, request.va, &leaf);
        Ok(leaf)
    }

    /// Forget what `sfence.vma` (`sinval.vma`) with these operands says: all; one address space but for its global
    /// pages; the page or large page that `va` lies in, in all address spaces; or in one, unless it is global.
    pub fn flush(&mut self, va: Option<u64>, asid: Option<u16>) {
        self.stats.flushes += 1;
        let local = asid.is_some();
        let Some(va) = va else {
            self.banks.reclaim(asid);
            match asid {
                None => {
                    self.large.clear();
                    self.banks.of_space(None).for_each(Bank::clear);
                }
                Some(asid) => {
                    self.large.forget_space(asid);
                    self.banks.of_space(Some(asid)).for_each(|bank| bank.flush(Flush::All, local));
                }
            }
            return self.reselect();
        };
        self.large.forget(va, asid);
        for bank in self.banks.of_space(asid) {
            bank.flush(Flush::Page(va), local);
            self.large.sizes(va).for_each(|shift| bank.flush(Flush::Large(va, shift), local));
        }
    }

    /// Remember that the translation of the code at `pc`, in the view that is switched to, lies at `code`. Forgotten
    /// no later than the page that `pc` lies in. Does nothing when there is no entry for fetches of that page.
    pub fn jump_insert(&mut self, pc: u64, code: u64) {
        self.banks.fetch().insert_jump(pc, code);
    }

    /// Forget all that stores go by, as [`crate::writes`] wants it now and then; returns how many pieces of windows that was.
    pub fn forget_stores(&mut self) -> usize {
        self.banks.of_space(None).map(Bank::forget_stores).sum()
    }

    /// Forget where all translations of code lie.
    pub fn clear_jumps(&mut self) {
        self.banks.of_space(None).for_each(Bank::clear_jumps);
    }

    /// What was done so far.
    #[must_use]
    pub fn stats(&self) -> TlbStats {
        TlbStats { pieces: self.banks.pieces(), drops: self.banks.drops(), ..self.stats }
    }

    fn count_miss(&mut self, access: Access) {
        let count = match access {
            Access::Fetch => &mut self.stats.fetch_misses,
            Access::Load => &mut self.stats.load_misses,
            Access::Store => &mut self.stats.store_misses,
        };
        *count += 1;
    }

    fn select_fetch(&mut self) {
        let number = self.banks.find(Key::of(&self.fetch_view, Access::Fetch));
        let bank = self.banks.select(number, 0);
        (self.selected.fetch, self.selected.jumps) = (bank.entries(Access::Fetch), bank.jumps());
    }

    fn select_data(&mut self) {
        let number = self.banks.find(Key::of(&self.data_view, Access::Load));
        let bank = self.banks.select(number, 1);
        (self.selected.load, self.selected.store) = (bank.entries(Access::Load), bank.entries(Access::Store));
        self.selected.window = bank.window.as_ref().map_or(self.nowhere, Window::centre);
        if !self.data_view.user && self.data_view.format != Format::Bare {
            let Selected { load, store, window, .. } = self.selected;
            let sum = usize::from(self.data_view.sum);
            self.sums[sum] = Data { load, store, window, ..Data::UNKNOWN };
            self.banks.keep(number, sum);
        }
    }

    fn forget_sums(&mut self) {
        self.sums = [Data::UNKNOWN; 2];
    }

    /// Select anew after banks or windows have changed hands.
    pub(super) fn reselect(&mut self) {
        self.forget_sums();
        self.select_fetch();
        self.select_data();
    }
}

fn same_but_sum(a: &View, b: &View) -> bool {
    *a == View { sum: a.sum, ..*b }
}
