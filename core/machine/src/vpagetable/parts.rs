//! Which parts of a large array are in use, so that to empty it costs what was put in and not what would fit.

use std::ops::Range;

/// Elements in a part.
const PART: usize = 64;
const WORDS: usize = 4;

/// A set of parts of an array of up to [`Parts::MAX`] elements.
#[derive(Clone, Copy, Default)]
pub(super) struct Parts([u64; WORDS]);

impl Parts {
    /// Elements of the largest array.
    pub const MAX: usize = PART * WORDS * 64;

    /// Put in the part that element `i` lies in.
    #[inline(always)]
    pub fn insert(&mut self, i: usize) {
        self.0[i / PART / 64 % WORDS] |= 1 << (i / PART % 64);
    }

    /// Whether the part that element `i` lies in is in use.
    #[inline(always)]
    pub fn contain(&self, i: usize) -> bool {
        self.0[i / PART / 64 % WORDS] >> (i / PART % 64) & 1 != 0
    }

    /// The elements, part by part.
    pub fn ranges(self) -> impl Iterator<Item = Range<usize>> {
        let words = self.0.into_iter().enumerate();
        let parts = words.flat_map(|(i, word)| bits(word).map(move |bit| i * 64 + bit));
        parts.map(|part| part * PART..(part + 1) * PART)
    }
}

/// Numbers of the bits that are set.
pub(super) fn bits(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = word.trailing_zeros();
        word &= word.wrapping_sub(1);
        (bit < u64::BITS).then_some(bit as usize)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_is_in_its_part_and_in_no_other() {
        for i in [0, 63, 64, 4095, 4096, Parts::MAX - 1] {
            let mut parts = Parts::default();
            assert!(!parts.contain(i));
            parts.insert(i);
            let elements: Vec<_> = parts.ranges().flatten().collect();
            assert_eq!(elements, (i / PART * PART..(i / PART + 1) * PART).collect::<Vec<_>>());
            (0..Parts::MAX).for_each(|j| assert_eq!(parts.contain(j), elements.contains(&j)));
        }
    }
}
