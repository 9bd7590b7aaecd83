//! Which code has been translated, and where the translation lies.

use super::arena::{Arena, CHUNKS};
use super::digest::{digest, digest_of_ram};
use super::piece::{Entry, Link};
use super::region::{self, Region};
use super::sites::{Demoted, Sites};
use super::usage::{Usage, Windows};
use super::x64::signal::{self, Watch, Watched};
use super::x64::{self, Stubs};
use crate::hart::translated::Enter;
use crate::hart::Decoded;
use crate::memory::GuestRam;
use crate::vpagetable::{Format, Tlb, View};

/// Code of all harts of a machine, bytes.
const CODE_IN_ALL: usize = 128 << 20;
/// Bounds of one hart's share.
const CODE_OF_ONE: (usize, usize) = (4 << 20, 64 << 20);
/// What one hart can do with.
const CODE_OF_LEAST: usize = 64 << 10;
/// More than the largest region takes.
const ROOM: usize = 192 << 10;
/// More than what all code shares takes, which lies in the first chunk.
const SHARED: usize = 4096;

/// How many times as often the hart has to be found in a page of the supervisor's: it comes by most of them for a moment, as at
/// a boot.
const SUPERVISOR: u16 = 32;

/// The translations of one physical page.
struct Page {
    number: usize,
    /// What it was translated from.
    digest: u64,
    /// When that was last looked at.
    generation: u64,
    /// The epoch that was settled then or before ([`crate::writes`]).
    since: u32,
    usage: Usage,
    /// Chunks of the arena that hold its code, one bit each.
    chunks: u8,
    /// By rising slot.
    entries: Vec<Entry>,
    /// Jumps to what is not translated yet.
    open: Vec<Link>,
}

/// The translations of one hart.
pub struct Translator {
    arena: Arena,
    stubs: Stubs,
    /// Room that has to be left for a region.
    room: usize,
    /// By number of the page within RAM: 0, or 1 + index in `pages`.
    places: Vec<u32>,
    pages: Vec<Page>,
    sites: Watched,
    /// How often the hart is found in a page before its code uses windows; `None`: never.
    windows_after: Option<u16>,
    translations: u64,
}

impl Translator {
    /// A translator for one of `harts` harts over `ram`; `None` where the host cannot translate.
    #[must_use]
    pub fn new(ram: &GuestRam, harts: usize) -> Option<Self> {
        let share = (CODE_IN_ALL / harts).clamp(CODE_OF_ONE.0, CODE_OF_ONE.1);
        let size = super::code_bytes().map_or(share, |bytes| bytes.clamp(CODE_OF_LEAST, share) & !0xffff);
        Self::sized(ram, harts, size, ROOM.min(size / CHUNKS - SHARED))
    }

    /// A translator for one of `harts` harts that uses `size` bytes for code, and translates no region that takes more than `room`.
    #[must_use]
    pub fn sized(ram: &GuestRam, harts: usize, size: usize, room: usize) -> Option<Self> {
        super::supported().ok()?;
        let mut arena = Arena::new(size).ok()?;
        let stubs = x64::write_stubs(&mut arena, harts);
        arena.fix();
        let places = vec![0; (ram.size() >> 12) as usize];
        let address = arena.address(0);
        let sites = Watched::new(Sites::new(address, size as u64), address, size as u64);
        let windows_after = super::windows_after().filter(|_| x64::windows_supported().is_ok() && signal::install());
        Some(Self { arena, stubs, room, places, pages: Vec::new(), sites, windows_after, translations: 0 })
    }

    /// The function that enters translated code.
    #[must_use]
    pub fn enter(&self) -> Enter {
        self.stubs.enter
    }

    /// Regions translated since the start.
    #[must_use]
    pub fn translations(&self) -> u64 {
        self.translations
    }

    /// Bytes of code in use.
    #[must_use]
    pub fn code_bytes(&self) -> usize {
        self.arena.used()
    }

    /// Address of the translation of halfword `slot` of page `number`, the page's bytes not being older than `generation`.
    pub fn entry(&mut self, ram: &GuestRam, number: usize, slot: usize, generation: u64) -> Option<u64> {
        let place = self.places[number].checked_sub(1)? as usize;
        let page = &mut self.pages[place];
        if page.generation != generation {
            if ram.writes().changed(number, page.since) {
                ram.writes().doubt();
                page.since = ram.writes().settled();
                if digest_of_ram(ram, number) != page.digest {
                    // Jump caches were emptied when the generation went up, and nothing of the page has been entered since.
                    self.forget(place);
                    return None;
                }
            }
            page.generation = generation;
        }
        let found = page.entries.binary_search_by_key(&slot, |entry| usize::from(entry.slot)).ok()?;
        Some(self.arena.address(page.entries[found].outer))
    }

    /// Translate what begins at halfword `slot` of `decoded`. `None` when that cannot be translated.
    pub fn translate(&mut self, tlb: &mut Tlb, decoded: &Decoded<'_>, slot: usize) -> Option<u64> {
        if let Some(chunk) = self.arena.make_room(self.room) {
            self.evict(chunk);
            self.sites.get().forget(chunk);
            tlb.clear_jumps();
        }
        if tlb.selected().window.is_null() {
            // There are none.
            self.windows_after = None;
        }
        let digest = digest(decoded.copy.iter().copied());
        let mut place = self.places[decoded.number].checked_sub(1).map(|place| place as usize);
        if let Some(stale) = place.filter(|place| self.pages[*place].digest != digest) {
            self.forget(stale);
            tlb.clear_jumps();
            place = None;
        }
        let known = |slot: usize| place.is_some_and(|place| self.pages[place].find(slot).is_some());
        let region = region::discover(decoded.ops, slot, known)?;
        let place = place.unwrap_or_else(|| self.admit(decoded, digest));
        self.install(place, &region, decoded);
        let entry = *self.pages[place].find(slot)?;
        Some(self.arena.address(entry.outer))
    }

    fn install(&mut self, place: usize, region: &Region, decoded: &Decoded<'_>) {
        let base = self.arena.next();
        let windows = self.pages[place].usage.windows;
        let mut piece = x64::emit(region, decoded, &self.stubs, windows, self.arena.address(base), base);
        if piece.code.len() > self.room {
            // Cannot be by the bounds of a region, but in a small cache: then it is interpreted.
            return;
        }
        let page = &mut self.pages[place];
        page.chunks |= 1 << self.arena.chunk();
        page.entries.append(&mut piece.entries);
        page.entries.sort_by_key(|entry| entry.slot);
        page.open.append(&mut piece.links);
        self.sites.get().add(self.arena.chunk(), &piece.sites);
        self.arena.append(&piece.code);
        let (entries, arena) = (&page.entries, &mut self.arena);
        page.open.retain(|link| {
            let Ok(found) = entries.binary_search_by_key(&link.slot, |entry| entry.slot) else { return true };
            arena.patch_jump(link.at, entries[found].inner);
            false
        });
        self.translations += 1;
    }

    /// Until the result is gone this thread executes translated code. It must not outlive `self`.
    #[must_use]
    pub fn watch(&mut self) -> Watch {
        self.sites.watch()
    }

    /// So many `instructions` were executed, translated or not.
    pub fn earn(&mut self, instructions: u64) {
        self.sites.get().earn(instructions);
    }

    /// What may be spent on faults, instructions.
    #[cfg(test)]
    pub(crate) fn credit(&mut self) -> &mut i64 {
        self.sites.get().credit()
    }

    /// The hart was found in page `number` at the end of a stretch, in the address space of `view` with this stack pointer.
    /// Sometimes that makes the page one that uses windows. A program has to stay in its address space for that: to map the
    /// memory of one that is gone soon does not pay. The supervisor is everywhere, and has its memory in all spaces; but what
    /// copies from and to its users (SUM) goes by their memory, of each in turn, and looks it up.
    pub fn find(&mut self, tlb: &mut Tlb, number: usize, view: &View, stack: u64) {
        let (Some(after), Some(place)) = (self.windows_after, self.places[number].checked_sub(1)) else { return };
        let page = &mut self.pages[place as usize];
        if view.sum && !view.user {
            page.usage.never();
        }
        let (space, after) = if view.user { (view.root, after) } else { (0, after.saturating_mul(SUPERVISOR)) };
        if page.usage.find(space, after) && view.format == Format::Sv39 && self.sites.get().has_credit() {
            self.change(tlb, number, |usage| usage.begin((stack as i64) < 0));
        }
    }

    /// Have a page's code use windows when the hart was found there so often; `None`: never.
    pub fn use_windows(&mut self, after: Option<u16>) {
        self.windows_after = after.filter(|_| x64::windows_supported().is_ok() && signal::install());
    }

    /// Code of page `number` has left to the interpreter: maybe something of it is to be demoted.
    pub fn demote(&mut self, tlb: &mut Tlb, number: usize) {
        match self.sites.get().take_demoted() {
            Some(Demoted::Site(site)) => {
                self.arena.patch(site.at, &x64::jump(site.at, site.lookup));
                if let Some(place) = self.places[number].checked_sub(1) {
                    self.pages[place as usize].usage.demote();
                }
            }
            Some(Demoted::Page) => self.change(tlb, number, Usage::end),
            None if self.uses_windows(number) && self.sites.get().leave() => self.change(tlb, number, Usage::end),
            None => {}
        }
    }

    fn uses_windows(&self, number: usize) -> bool {
        let place = self.places[number].checked_sub(1);
        place.is_some_and(|place| self.pages[place as usize].usage.windows != Windows::Unused)
    }

    /// Have page `number` translated anew, as it is entered, with its use of windows changed.
    fn change(&mut self, tlb: &mut Tlb, number: usize, how: impl FnOnce(&mut Usage)) {
        if let Some(place) = self.places[number].checked_sub(1) {
            let page = &mut self.pages[place as usize];
            how(&mut page.usage);
            page.entries.clear();
            page.open.clear();
            tlb.clear_jumps();
        }
    }

    fn admit(&mut self, decoded: &Decoded<'_>, digest: u64) -> usize {
        self.pages.push(Page {
            usage: Usage::new(self.windows_after),
            number: decoded.number,
            digest,
            generation: decoded.generation,
            since: decoded.since,
            chunks: 0,
            entries: Vec::new(),
            open: Vec::new(),
        });
        self.places[decoded.number] = self.pages.len() as u32;
        self.pages.len() - 1
    }

    /// Forget the pages that have code in `chunk`.
    fn evict(&mut self, chunk: usize) {
        debug_assert!(chunk < CHUNKS);
        for place in (0..self.pages.len()).rev() {
            if self.pages[place].chunks >> chunk & 1 != 0 {
                self.forget(place);
            }
        }
    }

    /// Forget the page at `place`. Its code stays where it is, but nothing leads there any more once the jump caches are empty.
    fn forget(&mut self, place: usize) {
        let page = self.pages.swap_remove(place);
        self.places[page.number] = 0;
        if let Some(moved) = self.pages.get(place) {
            self.places[moved.number] = place as u32 + 1;
        }
    }
}

impl Page {
    fn find(&self, slot: usize) -> Option<&Entry> {
        let found = self.entries.binary_search_by_key(&slot, |entry| usize::from(entry.slot)).ok()?;
        Some(&self.entries[found])
    }
}
