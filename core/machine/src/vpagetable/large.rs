//! Large pages: those that the TLB may have parts of, and where some of them lie.
//!
//! In the banks a large page is single pages, anywhere. A flush of any address in it covers them all: a filter knows
//! which addresses may be in one, so that other flushes need not search. And its pages are entered without a walk each:
//! a small cache keeps what the walk to the large page found.

use super::parts::bits;
use super::walk::Leaf;
use super::{Access, Format, View, PAGE_SHIFT};

/// Bits of the filter.
const BITS: u64 = 4096;
/// Places of the cache, which is direct-mapped by address: 64 MiB in pages of 2 MiB take 32.
const PLACES: usize = 256;

/// The way to a large page, as some view found it.
#[derive(Clone, Copy)]
struct Large {
    /// Virtual address of the page.
    page: u64,
    leaf: Leaf,
    format: Format,
    root: u64,
    asid: u16,
}

impl Large {
    fn is(&self, va: u64, shift: u32) -> bool {
        self.leaf.size == 1 << shift && self.page == va >> shift << shift
    }

    fn is_of(&self, asid: u16) -> bool {
        self.asid == asid && !self.leaf.global
    }
}

/// The large pages of one TLB.
pub(super) struct LargePages {
    /// Bit `s`: there is a page of size `1 << s`.
    sizes: u64,
    hashes: Box<[u64; BITS as usize / 64]>,
    places: Box<[Option<Large>; PLACES]>,
    /// Some page in `places` may not be global.
    local: bool,
}

impl LargePages {
    pub fn new() -> Self {
        Self { sizes: 0, hashes: Box::new([0; BITS as usize / 64]), places: Box::new([None; PLACES]), local: false }
    }

    /// Put in that `view` found `leaf` at `va`, if it is large.
    #[inline]
    pub fn insert(&mut self, view: &View, va: u64, leaf: &Leaf) {
        let shift = leaf.size.trailing_zeros();
        if shift > PAGE_SHIFT {
            let bit = hash(va, shift);
            self.sizes |= 1 << shift;
            self.hashes[(bit / 64) as usize] |= 1 << (bit % 64);
            let leaf = Leaf { pa: leaf.pa.wrapping_sub(va & (leaf.size - 1)), ..*leaf };
            let page = va & !(leaf.size - 1);
            let large = Large { page, leaf, format: view.format, root: view.root, asid: view.asid };
            self.places[place(va, shift)] = Some(large);
            self.local |= !leaf.global;
        }
    }

    /// What a walk by `view` to `va` for `access` would find, if that is known, without a change of the table, and a
    /// large page.
    #[inline]
    pub fn find(&self, view: &View, va: u64, access: Access) -> Option<Leaf> {
        bits(self.sizes).find_map(|shift| {
            let large = self.places[place(va, shift as u32)].as_ref().filter(|large| large.is(va, shift as u32))?;
            let own = large.leaf.global || (large.root == view.root && large.asid == view.asid);
            let marked = access != Access::Store || large.leaf.dirty;
            let known = own && marked && large.format == view.format && large.leaf.allows(view, access);
            known.then(|| Leaf { pa: large.leaf.pa.wrapping_add(va & (large.leaf.size - 1)), ..large.leaf })
        })
    }

    /// Forget the ways to the large pages that `va` lies in, in address space `asid` but for global pages, or in all.
    pub fn forget(&mut self, va: u64, asid: Option<u16>) {
        for shift in bits(self.sizes) {
            let large = &mut self.places[place(va, shift as u32)];
            let covered = |large: &Large| large.is(va, shift as u32) && asid.is_none_or(|asid| large.is_of(asid));
            *large = large.filter(|large| !covered(large));
        }
    }

    /// Forget the ways to all large pages of address space `asid` but for global ones.
    pub fn forget_space(&mut self, asid: u16) {
        if self.local {
            self.places.iter_mut().for_each(|large| *large = large.filter(|large| !large.is_of(asid)));
            self.local = self.places.iter().flatten().any(|large| !large.leaf.global);
        }
    }

    /// log2 of the sizes of pages that were put in and that `va` may lie in. Seldom one too many.
    pub fn sizes(&self, va: u64) -> impl Iterator<Item = u32> + use<'_> {
        bits(self.sizes).map(|bit| bit as u32).filter(move |shift| {
            let bit = hash(va, *shift);
            self.hashes[(bit / 64) as usize] >> (bit % 64) & 1 != 0
        })
    }

    pub fn clear(&mut self) {
        if self.sizes != 0 {
            self.sizes = 0;
            self.hashes.fill(0);
            self.places.fill(None);
            self.local = false;
        }
    }
}

fn hash(va: u64, shift: u32) -> u64 {
    let page = (va >> shift) << 6 | u64::from(shift);
    page.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - BITS.trailing_zeros())
}

/// Neighbours have different places.
fn place(va: u64, shift: u32) -> usize {
    (va >> shift) as usize % PLACES
}
