//! A small generator of random numbers, and values at which arithmetic goes wrong.

/// SplitMix64: the same seed gives the same draws.
pub struct Random(u64);

const INTEGERS: [u64; 20] = [
    0,
    1,
    2,
    7,
    31,
    32,
    63,
    64,
    0x7f,
    0x80,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    1 << 32,
    i64::MAX as u64,
    1 << 63,
    u64::MAX,
    u64::MAX - 1,
    0x5555_5555_5555_5555,
    0x0123_4567_89ab_cdef,
];

/// Doubles: zero, smallest and largest numbers, one and its neighbours, limits of the integers and of single precision,
/// infinity, both kinds of NaN.
const DOUBLES: [u64; 20] = [
    0,
    1,
    0xf_ffff_ffff_ffff,
    0x10_0000_0000_0000,
    0x3fe0_0000_0000_0000,
    0x3fef_ffff_ffff_ffff,
    0x3ff0_0000_0000_0000,
    0x3ff0_0000_0000_0001,
    0x4008_0000_0000_0000,
    0x41df_ffff_ffc0_0000,
    0x41e0_0000_0000_0000,
    0x43e0_0000_0000_0000,
    0x43ef_ffff_ffff_ffff,
    0x380f_ffff_e000_0000,
    0x36a0_0000_0000_0000,
    0x47ef_ffff_f000_0000,
    0x7fef_ffff_ffff_ffff,
    0x7ff0_0000_0000_0000,
    0x7ff0_0000_0000_0001,
    0x7ff8_0000_0000_1234,
];

/// The same for singles.
const SINGLES: [u32; 16] = [
    0,
    1,
    0x7f_ffff,
    0x80_0000,
    0x3f00_0000,
    0x3f7f_ffff,
    0x3f80_0000,
    0x3f80_0001,
    0x4040_0000,
    0x4f00_0000,
    0x4f80_0000,
    0x5f00_0000,
    0x7f7f_ffff,
    0x7f80_0000,
    0x7f80_0001,
    0x7fc0_1234,
];

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// Below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    /// An operand of an integer instruction, often from the edges.
    pub fn integer(&mut self) -> u64 {
        match self.below(4) {
            0 | 1 => self.pick(&INTEGERS),
            2 => self.next() >> self.below(64),
            _ => (self.next() >> self.below(64)).wrapping_neg(),
        }
    }

    /// What a floating-point register may hold: a double, a boxed single, seldom one that is not boxed.
    pub fn float(&mut self) -> u64 {
        let sign = self.next() << 63;
        match self.below(8) {
            0..=2 => sign | self.pick(&DOUBLES),
            3 => sign | (1023 + self.below(17) - 8) << 52 | self.next() >> 12,
            4 => self.next(),
            5 => 0xffff_ffff_0000_0000 | (127 + self.below(17) - 8) << 23 | self.next() >> 41 | sign >> 32,
            6 => 0xffff_ffff_0000_0000 | u64::from(self.pick(&SINGLES)) | sign >> 32,
            _ => u64::from(self.pick(&SINGLES)),
        }
    }
}
