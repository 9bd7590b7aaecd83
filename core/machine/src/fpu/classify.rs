//! `fclass`.

use super::format::{unpack, Class, Format};

/// The one bit of the `fclass` mask that holds for `a`: 0 -inf, 1 negative normal, 2 negative subnormal, 3 -0, 4 +0,
/// 5 positive subnormal, 6 positive normal, 7 +inf, 8 signalling NaN, 9 quiet NaN.
#[must_use]
pub fn classify<F: Format>(a: F::Bits) -> u32 {
    let a = unpack::<F>(a);
    let positive = match a.class {
        Class::SignalingNan => return 1 << 8,
        Class::QuietNan => return 1 << 9,
        Class::Infinite => 7,
        Class::Finite if a.exp >= F::MIN_EXP => 6,
        Class::Finite => 5,
        Class::Zero => 4,
    };
    1 << if a.sign { 7 - positive } else { positive }
}
