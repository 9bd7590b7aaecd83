//! What tells whether a page is still what it was translated from.

use std::sync::atomic::Ordering::Relaxed;

use crate::memory::GuestRam;

/// A digest of a page's 512 words, in four lanes that the host computes side by side.
pub(super) fn digest(words: impl Iterator<Item = u64>) -> u64 {
    const FACTORS: [u64; 4] =
        [0x9e37_79b9_7f4a_7c15, 0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb, 0xd6e8_feb8_6659_fd93];
    let mut lanes = FACTORS;
    for (i, word) in words.enumerate() {
        let lane = &mut lanes[i % 4];
        *lane = (*lane ^ word).wrapping_mul(FACTORS[i % 4]).rotate_left(29);
    }
    lanes.into_iter().fold(0, |all, lane| (all ^ lane).wrapping_mul(FACTORS[0]).rotate_left(31))
}

/// The digest of page `number` of `ram` as it is now.
pub(super) fn digest_of_ram(ram: &GuestRam, number: usize) -> u64 {
    digest(ram.page(number).iter().map(|word| u64::from_le(word.load(Relaxed))))
}
