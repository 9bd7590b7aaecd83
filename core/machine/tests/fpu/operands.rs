//! Operands where rounding goes wrong: near powers of two, around the ends of the range, long runs of equal bits.

use machine::fpu::Format;

/// A seeded source of operands (splitmix64).
pub struct Source(pub u64);

impl Source {
    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.word() % limit
    }

    /// A bit pattern of `width` bits with few changes between neighbouring bits, or any.
    fn pattern(&mut self, width: u32) -> u64 {
        let mask = if width == 64 { u64::MAX } else { (1 << width) - 1 };
        let run = |s: &mut Self| mask & (u64::MAX << s.below(u64::from(width) + 1).min(63));
        mask & match self.below(8) {
            0 => 0,
            1 => mask,
            2 => 1,
            3 => run(self),
            4 => !run(self),
            5 => run(self) ^ run(self),
            6 => (self.word() & 7).wrapping_sub(3),
            _ => self.word(),
        }
    }

    /// An encoded number, special values included.
    pub fn number<F: Format>(&mut self) -> F::Bits {
        let top = (1u64 << F::EXPONENT_BITS) - 1;
        let bias = F::BIAS as u64;
        let exponent = match self.below(8) {
            0 => self.below(3),
            1 => top - self.below(3),
            2 | 3 => bias - 4 + self.below(8),
            4 => bias - u64::from(F::FRACTION_BITS) - 3 + self.below(6),
            5 => bias / 2 - 4 + self.below(8),
            _ => self.below(top + 1),
        };
        let fraction = self.pattern(F::FRACTION_BITS);
        let sign = if self.word() & 1 == 0 { 0 } else { F::SIGN };
        F::encode(sign | exponent << F::FRACTION_BITS | fraction)
    }

    /// A number whose exponent lies within `reach` of `of`'s, so that the two interact in a sum.
    pub fn near<F: Format>(&mut self, of: F::Bits, reach: u64) -> F::Bits {
        let top = (1u64 << F::EXPONENT_BITS) - 1;
        let exponent = (of.into() & F::INFINITY) >> F::FRACTION_BITS;
        let exponent = (exponent + self.below(2 * reach + 1)).saturating_sub(reach).min(top);
        let other: u64 = self.number::<F>().into();
        F::encode(other & !F::INFINITY | exponent << F::FRACTION_BITS)
    }

    /// An operand for a conversion from integers.
    pub fn integer(&mut self) -> u64 {
        let value = self.pattern(64) >> self.below(64);
        match self.below(3) {
            0 => value.wrapping_neg(),
            1 => self.word(),
            _ => value,
        }
    }
}
