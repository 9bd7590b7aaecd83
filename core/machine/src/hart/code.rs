//! The cache of decoded code: one array of operations per physical page, filled slot by slot as code is reached.
//!
//! A page is decoded from a copy, taken when it was entered first. After a fence.i (the generation went up) the copy of a
//! page that may have been written ([`crate::writes`]) is compared with memory at the next entry and what differs is
//! forgotten. So fence.i itself costs nothing.

use crate::isa::decode::length;
use crate::isa::privileged::pseudo;
use crate::isa::{decode, Op};
use crate::jit::threshold;
use crate::memory::GuestRam;

use super::translated::Decoded;

use std::sync::atomic::Ordering::Relaxed;

/// Halfwords in a page: each may begin an instruction.
pub(super) const SLOTS: usize = 2048;
const CHUNKS: usize = 512;
/// Slots that are forgotten together when another page takes the place.
const PART: usize = SLOTS / u32::BITS as usize;
/// Pages that all harts of a machine may hold: about 17 MB.
const PAGES_IN_ALL: usize = 560;
/// Bounds of one hart's share. A kernel's boot goes through 1600 pages and decodes what it needs two and a half times with
/// so many of them; with 400 it would be one and a half times, for 2 % of the boot's time and 4 MB more.
const PAGES_OF_ONE: (usize, usize) = (64, 280);

/// How often a page is admitted before its code is translated at once, nearly: each time half as many jumps make it hot.
const PATIENCE: u8 = 2;

const UNDECODED: Op = Op::bare(pseudo::UNDECODED, 2);
const PAGE_END: Op = Op::bare(pseudo::PAGE_END, 2);
const CROSSING: Op = Op::bare(pseudo::CROSSING, 4);

/// One page of decoded code.
pub(super) struct Page {
    /// By halfword; the last one is the end of the page.
    pub ops: [Op; SLOTS + 1],
    copy: [u64; CHUNKS],
    /// Number of the page within RAM.
    number: usize,
    generation: u64,
    /// The epoch that was settled when `copy` was last made or compared ([`crate::writes`]).
    since: u32,
    /// By halfword: jumps that may still lead there before it is hot.
    pub heat: [u8; SLOTS],
    /// By 64 slots: something has been decoded there.
    parts: u32,
    /// Entered since the last search for a page to replace.
    used: bool,
}

impl Page {
    fn new() -> Box<Self> {
        let mut page = Box::new(Self {
            ops: [UNDECODED; SLOTS + 1],
            copy: [0; CHUNKS],
            number: 0,
            generation: 0,
            since: 0,
            heat: [0; SLOTS],
            parts: 0,
            used: false,
        });
        page.ops[SLOTS] = PAGE_END;
        page
    }

    /// The halfword of `slot`.
    pub fn half(&self, slot: usize) -> u16 {
        (self.copy[slot / 4 % CHUNKS] >> (slot % 4 * 16)) as u16
    }

    /// The word at `slot`; its upper half is zero in the last slot.
    pub fn word(&self, slot: usize) -> u32 {
        let high = if slot + 1 < SLOTS { self.half(slot + 1) } else { 0 };
        u32::from(high) << 16 | u32::from(self.half(slot))
    }

    /// The page as far as it is decoded, for the translator.
    pub fn decoded(&self) -> Decoded<'_> {
        let (number, generation, since) = (self.number, self.generation, self.since);
        Decoded { number, generation, since, copy: &self.copy, ops: &self.ops }
    }

    /// Decode `slot`.
    pub fn decode(&mut self, slot: usize) {
        let crossing = slot == SLOTS - 1 && length(self.half(slot)) == 4;
        self.parts |= 1 << (slot / PART);
        self.ops[slot] = if crossing { CROSSING } else { decode(self.word(slot)) };
    }

    /// Make this the decoded form of page `number` of `ram`.
    fn load(&mut self, ram: &GuestRam, number: usize, threshold: u8) {
        ram.writes().note_code(number);
        self.since = ram.writes().settled();
        for (copy, chunk) in self.copy.iter_mut().zip(ram.page(number)) {
            *copy = u64::from_le(chunk.load(Relaxed));
        }
        let parts = std::mem::take(&mut self.parts);
        (0..u32::BITS).filter(|part| parts >> part & 1 == 1).for_each(|part| {
            self.ops[part as usize * PART..][..PART].fill(UNDECODED);
        });
        self.heat.fill(threshold);
        self.number = number;
    }

    /// Forget what is no longer so.
    fn verify(&mut self, ram: &GuestRam) {
        if !ram.writes().changed(self.number, self.since) {
            return;
        }
        ram.writes().doubt();
        self.since = ram.writes().settled();
        for (i, chunk) in ram.page(self.number).iter().enumerate() {
            let now = u64::from_le(chunk.load(Relaxed));
            if now != self.copy[i] {
                self.copy[i] = now;
                // The instruction before may reach into the chunk.
                let first = (i * 4).saturating_sub(1);
                self.ops[first..i * 4 + 4].fill(UNDECODED);
            }
        }
    }
}

/// The decoded pages of one hart.
pub(super) struct CodeCache {
    /// By number of the page within RAM: 0, or 1 + place in `pages`.
    places: Vec<u16>,
    /// Likewise how often the page was admitted, up to [`PATIENCE`].
    admissions: Vec<u8>,
    pages: Vec<Box<Page>>,
    limit: usize,
    hand: usize,
    /// How often a jump leads somewhere before that is hot.
    pub threshold: u8,
}

impl CodeCache {
    /// An empty cache for `ram`, for one of `harts` harts.
    pub fn new(ram: &GuestRam, harts: usize) -> Self {
        let limit = (PAGES_IN_ALL / harts).clamp(PAGES_OF_ONE.0, PAGES_OF_ONE.1);
        let count = (ram.size() >> 12) as usize;
        let (places, admissions) = (vec![0; count], vec![0; count]);
        Self { places, admissions, pages: Vec::new(), limit, hand: 0, threshold: threshold() }
    }

    /// The decoded form of page `number` of `ram`, not older than `generation`.
    #[inline]
    pub fn enter(&mut self, ram: &GuestRam, number: usize, generation: u64) -> &mut Page {
        let place = match self.places[number] {
            0 => self.admit(ram, number, generation),
            place => usize::from(place) - 1,
        };
        let page = &mut *self.pages[place];
        page.used = true;
        if page.generation != generation {
            page.verify(ram);
            page.generation = generation;
        }
        page
    }

    #[cold]
    fn admit(&mut self, ram: &GuestRam, number: usize, generation: u64) -> usize {
        let place = if self.pages.len() < self.limit {
            self.pages.push(Page::new());
            self.pages.len() - 1
        } else {
            let victim = self.victim();
            self.places[self.pages[victim].number] = 0;
            victim
        };
        // What was forgotten of a page is how hot its code was: code that comes back again and again is sooner translated.
        let admissions = &mut self.admissions[number];
        self.pages[place].load(ram, number, self.threshold >> *admissions);
        *admissions = PATIENCE.min(*admissions + 1);
        self.pages[place].generation = generation;
        self.places[number] = place as u16 + 1;
        place
    }

    /// A page that was not entered since the hand passed it last.
    fn victim(&mut self) -> usize {
        loop {
            let place = self.hand;
            self.hand = (self.hand + 1) % self.pages.len();
            if !std::mem::take(&mut self.pages[place].used) {
                return place;
            }
        }
    }
}

/// Instructions that lie in two pages, as they were decoded last. The half in the other page may change at any time, so that they
/// are looked up by their bits.
pub(super) struct Crossings([(u32, Op); 32]);

impl Crossings {
    pub fn new() -> Self {
        Self([(0, decode(0)); 32])
    }

    /// The operation of the bits `word`.
    pub fn decode(&mut self, word: u32) -> Op {
        let place = &mut self.0[(word.wrapping_mul(0x9e37_79b9) >> 27) as usize];
        if place.0 != word {
            *place = (word, decode(word));
        }
        place.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::RAM_BASE;

    #[test]
    fn code_that_comes_back_again_and_again_is_sooner_hot() {
        let limit = PAGES_OF_ONE.0;
        let ram = GuestRam::new(RAM_BASE, (limit as u64 + 8) << 12).unwrap();
        let mut cache = CodeCache::new(&ram, PAGES_IN_ALL);
        cache.threshold = 24;
        for expected in [24, 12, 6, 6] {
            assert!(cache.enter(&ram, 0, 1).heat.iter().all(|heat| *heat == expected), "{expected}");
            // Twice as many as are marked as used, so that page 0 goes.
            (0..2).for_each(|_| (1..limit + 8).for_each(|number| _ = cache.enter(&ram, number, 1)));
            assert_eq!(cache.places[0], 0, "it is still there");
        }
    }

    #[test]
    fn crossings_are_what_their_bits_say_whoever_shares_their_place() {
        let place = |word: u32| (word.wrapping_mul(0x9e37_79b9) >> 27) as usize;
        let mut crossings = Crossings::new();
        assert_eq!(crossings.decode(0), decode(0));
        // addi x0..x31, x0, 0 and some more: each place has several.
        let words: Vec<u32> = (0..256).map(|i| i << 7 | 0x13).collect();
        assert!(words.iter().filter(|word| place(**word) == place(words[0])).count() > 1);
        for _ in 0..2 {
            for word in &words {
                assert_eq!(crossings.decode(*word), decode(*word), "{word:#x}");
                assert_eq!(crossings.decode(*word), decode(*word), "{word:#x}, again");
            }
        }
        // What was decoded last is not decoded again.
        let word = words[255];
        crossings.0[place(word)].1 = UNDECODED;
        assert_eq!(crossings.decode(word), UNDECODED);
    }
}
