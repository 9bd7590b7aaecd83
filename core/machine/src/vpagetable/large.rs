//! Which large pages a TLB may know: a filter, so that to flush one address does not take a search of the whole TLB.
//!
//! A large page is in the TLB as single pages, anywhere; a flush of any address in it covers them all.

use super::bank::bits;
use super::PAGE_SHIFT;

/// Bits of the filter.
const BITS: u64 = 4096;

/// A set of large pages that may hold more than was put in.
pub(super) struct LargePages {
    /// Bit `s`: there is a page of size `1 << s`.
    sizes: u64,
    hashes: Box<[u64; BITS as usize / 64]>,
}

impl LargePages {
    pub fn new() -> Self {
        Self { sizes: 0, hashes: Box::new([0; BITS as usize / 64]) }
    }

    /// Put in the page of size `1 << shift` that `va` lies in, if it is large.
    pub fn insert(&mut self, va: u64, shift: u32) {
        if shift > PAGE_SHIFT {
            let bit = hash(va, shift);
            self.sizes |= 1 << shift;
            self.hashes[(bit / 64) as usize] |= 1 << (bit % 64);
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
        }
    }
}

fn hash(va: u64, shift: u32) -> u64 {
    let page = (va >> shift) << 6 | u64::from(shift);
    page.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - BITS.trailing_zeros())
}
