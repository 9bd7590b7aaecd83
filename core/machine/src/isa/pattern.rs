//! Bit patterns as they are printed in the manual: `0`, `1`, `.` for any, blanks ignored.

/// The fixed bits of an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// Bits that are fixed.
    pub mask: u32,
    /// Their values; zero elsewhere.
    pub value: u32,
}

impl Pattern {
    /// Parse `text`, most significant bit first, of exactly `width` symbols.
    ///
    /// # Panics
    /// On any other text; patterns are constants, so this is a compile-time error.
    #[must_use]
    pub const fn new(text: &str, width: u32) -> Self {
        let bytes = text.as_bytes();
        let (mut mask, mut value, mut symbols, mut i) = (0u32, 0u32, 0, 0);
        while i < bytes.len() {
            let (fixed, bit) = match bytes[i] {
                b' ' => {
                    i += 1;
                    continue;
                }
                b'0' => (1, 0),
                b'1' => (1, 1),
                b'.' => (0, 0),
                _ => panic!("a pattern consists of 0, 1 and ."),
            };
            mask = mask << 1 | fixed;
            value = value << 1 | bit;
            symbols += 1;
            i += 1;
        }
        assert!(symbols == width, "wrong number of symbols in a pattern");
        Self { mask, value }
    }

    /// Whether `word` has the fixed bits.
    #[must_use]
    #[inline]
    pub const fn matches(&self, word: u32) -> bool {
        word & self.mask == self.value
    }

    /// Whether some word matches both.
    #[must_use]
    pub const fn overlaps(&self, other: &Self) -> bool {
        (self.value ^ other.value) & self.mask & other.mask == 0
    }

    /// Whether every word that matches `self` matches `other`, but not the other way round.
    #[must_use]
    pub const fn refines(&self, other: &Self) -> bool {
        self.overlaps(other) && self.mask & other.mask == other.mask && self.mask != other.mask
    }
}
