//! The jump cache of a bank: where the translations of the code at some addresses lie.
//!
//! Translated code looks for itself, and goes on at what it finds.

use super::bank::FETCH_ENTRIES;
use super::parts::{bits, Parts};
use super::{PAGE_MASK, PAGE_SHIFT, PAGE_SIZE};

/// Places in the jump cache.
pub const JUMP_ENTRIES: usize = 8192;
/// Places in the jump cache that a jump may be in.
pub const JUMP_WAYS: usize = 4;

/// Jump cache places of one page of code: instructions begin at even addresses.
const PAGE_JUMPS: usize = PAGE_SIZE as usize / 2;
/// Jump cache places in the smallest part that is remembered of a page.
const PAGE_PART: usize = PAGE_JUMPS / u64::BITS as usize;

const _: () = assert!(JUMP_ENTRIES.is_power_of_two() && JUMP_ENTRIES >= PAGE_JUMPS && JUMP_ENTRIES <= Parts::MAX);

/// Where the translation of the code at an address lies. That of `pc` has index [`jump_place`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Jump {
    /// Virtual address of the code. In an empty place it is one with another index, or odd.
    pub pc: u64,
    /// Host address of the translation.
    pub code: u64,
}

impl Jump {
    /// An empty place.
    pub(super) const NONE: Self = Self { pc: u64::MAX, code: 0 };
}

/// The place of `pc` in the jump cache. Pages are spread, for each is entered at its beginning as a rule. What was there before
/// is put into one of the places beside it, of which there are [`JUMP_WAYS`] with it: their numbers differ in the lowest bits, and
/// they lie in one line of the host's cache.
#[inline(always)]
pub fn jump_place(pc: u64) -> usize {
    ((pc >> 1) ^ ((pc >> PAGE_SHIFT) * PAGE_PART as u64)) as usize % JUMP_ENTRIES
}

/// The jump cache, and for each entry for fetches which 64ths of its page it may have places for.
#[repr(C)]
pub(super) struct Jumps {
    pub places: [Jump; JUMP_ENTRIES],
    pages: [u64; FETCH_ENTRIES],
}

impl Jumps {
    /// Enter `jump`, to the page of fetch entry `i`. Returns the place.
    pub fn insert(&mut self, i: usize, jump: Jump) -> usize {
        let place = jump_place(jump.pc);
        let mut moved = jump;
        for way in 0..JUMP_WAYS {
            moved = std::mem::replace(&mut self.places[place ^ way], moved);
            if moved.pc == jump.pc || moved.code == 0 {
                break;
            }
        }
        self.pages[i] |= 1 << ((jump.pc >> 1) as usize % PAGE_JUMPS / PAGE_PART);
        place
    }

    /// Empty the places of `page`, which was that of fetch entry `i`.
    #[inline(always)]
    pub fn drop_page(&mut self, i: usize, page: u64) {
        for part in bits(std::mem::take(&mut self.pages[i])) {
            let start = jump_place(page + (part * PAGE_PART * 2) as u64);
            for jump in &mut self.places[start..start + PAGE_PART] {
                if jump.pc & !PAGE_MASK == page {
                    *jump = Jump::NONE;
                }
            }
        }
    }

    /// Empty `parts` of the places, of which those of the fetch entries in `pages` are all.
    pub fn clear(&mut self, parts: Parts, pages: Parts) {
        for part in parts.ranges() {
            self.places[part].fill(Jump::NONE);
        }
        for part in pages.ranges() {
            self.pages[part].fill(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Addresses whose places are the same four, each in another page.
    fn rivals<const N: usize>() -> [u64; N] {
        let group = |pc: u64| jump_place(pc) / JUMP_WAYS;
        let wanted = group(0x1678);
        std::array::from_fn(|i| {
            let page = (1 + i as u64 * 4) << PAGE_SHIFT;
            let rivals = (page..page + PAGE_SIZE).step_by(2).filter(|pc| group(*pc) == wanted);
            // Not all begin their search at the same one.
            rivals.cycle().nth(i * 3).expect("every fourth page has some")
        })
    }

    fn empty() -> Box<Jumps> {
        Box::new(Jumps { places: [Jump::NONE; JUMP_ENTRIES], pages: [0; FETCH_ENTRIES] })
    }

    fn insert(jumps: &mut Jumps, pc: u64, code: u64) {
        let place = jumps.insert(fetch(pc), Jump { pc, code });
        assert_eq!(place, jump_place(pc));
    }

    fn fetch(pc: u64) -> usize {
        (pc >> PAGE_SHIFT) as usize % FETCH_ENTRIES
    }

    /// All that is remembered of `pc`, wherever it is, in the order of the places that a jump looks at.
    fn codes(jumps: &Jumps, pc: u64) -> Vec<u64> {
        let (place, all) = (jump_place(pc), jumps.places.iter().filter(|jump| jump.pc == pc).count());
        let ways = (0..JUMP_WAYS).map(|way| jumps.places[place ^ way]);
        let codes: Vec<_> = ways.filter(|jump| jump.pc == pc).map(|jump| jump.code).collect();
        assert_eq!(codes.len(), all, "some of {pc:#x} is where no jump looks");
        codes
    }

    #[test]
    fn four_share_their_places_and_a_fifth_takes_that_of_one() {
        let (mut jumps, rivals) = (empty(), rivals::<9>());
        for (i, pc) in rivals.into_iter().enumerate() {
            let before = rivals.map(|pc| codes(&jumps, pc));
            insert(&mut jumps, pc, i as u64 + 1);
            assert_eq!(jumps.places[jump_place(pc)], Jump { pc, code: i as u64 + 1 }, "the last is looked at first");
            let after = rivals.map(|pc| codes(&jumps, pc));
            assert_eq!(after.iter().flatten().count(), JUMP_WAYS.min(i + 1), "after {i}");
            let lost = (0..i).filter(|j| before[*j] != after[*j]).count();
            assert_eq!(lost, usize::from(i >= JUMP_WAYS), "by {i}");
        }
    }

    #[test]
    fn what_is_entered_again_takes_the_place_of_what_was_known() {
        for again in 0..JUMP_WAYS {
            let (mut jumps, rivals) = (empty(), rivals::<JUMP_WAYS>());
            (1..).zip(rivals).for_each(|(code, pc)| insert(&mut jumps, pc, code));
            insert(&mut jumps, rivals[again], 9);
            for (i, pc) in rivals.into_iter().enumerate() {
                assert_eq!(codes(&jumps, pc), [if i == again { 9 } else { i as u64 + 1 }], "{i} after {again}");
            }
        }
    }

    #[test]
    fn a_page_takes_its_own_with_it_and_leaves_room_for_one() {
        for gone in 0..JUMP_WAYS {
            let (mut jumps, rivals) = (empty(), rivals::<{ JUMP_WAYS + 1 }>());
            let (known, new) = (&rivals[..JUMP_WAYS], rivals[JUMP_WAYS]);
            (1..).zip(known).for_each(|(code, pc)| insert(&mut jumps, *pc, code));
            jumps.drop_page(fetch(known[gone]), known[gone] & !PAGE_MASK);
            insert(&mut jumps, new, 9);
            for (i, pc) in known.iter().enumerate() {
                assert_eq!(
                    codes(&jumps, *pc),
                    if i == gone { vec![] } else { vec![i as u64 + 1] },
                    "{i} without {gone}"
                );
            }
            assert_eq!(codes(&jumps, new), [9]);
        }
    }

    #[test]
    fn a_page_takes_with_it_what_lies_anywhere_in_it() {
        let (mut jumps, page) = (empty(), 0x7_3000_u64);
        (page..page + PAGE_SIZE).step_by(2).for_each(|pc| insert(&mut jumps, pc, 1));
        assert!(jumps.places.iter().any(|jump| *jump != Jump::NONE));
        jumps.drop_page(fetch(page), page);
        assert!(jumps.places.iter().all(|jump| *jump == Jump::NONE));
    }

    #[test]
    fn all_is_forgotten_of_the_parts_in_use() {
        let (mut jumps, mut parts, mut pages) = (empty(), Parts::default(), Parts::default());
        for pc in rivals::<JUMP_WAYS>().into_iter().chain([0, 0xffff_ffff_ffff_fffe]) {
            insert(&mut jumps, pc, 1);
            parts.insert(jump_place(pc));
            pages.insert(fetch(pc));
        }
        jumps.clear(parts, pages);
        assert!(jumps.places.iter().all(|jump| *jump == Jump::NONE));
        assert!(jumps.pages.iter().all(|parts| *parts == 0));
    }
}
