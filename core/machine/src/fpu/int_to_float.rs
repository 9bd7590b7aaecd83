//! Conversion from integers.

use super::flags::{Flags, Rounding};
use super::format::{zero, Format};
use super::round::normalize_round;

/// `x` as a floating-point number.
#[must_use]
pub fn from_i32<F: Format>(x: i32, rm: Rounding, fl: &mut Flags) -> F::Bits {
    convert::<F>(x < 0, x.unsigned_abs().into(), rm, fl)
}

/// `x` as a floating-point number.
#[must_use]
pub fn from_u32<F: Format>(x: u32, rm: Rounding, fl: &mut Flags) -> F::Bits {
    convert::<F>(false, x.into(), rm, fl)
}

/// `x` as a floating-point number.
#[must_use]
pub fn from_i64<F: Format>(x: i64, rm: Rounding, fl: &mut Flags) -> F::Bits {
    convert::<F>(x < 0, x.unsigned_abs(), rm, fl)
}

/// `x` as a floating-point number.
#[must_use]
pub fn from_u64<F: Format>(x: u64, rm: Rounding, fl: &mut Flags) -> F::Bits {
    convert::<F>(false, x, rm, fl)
}

#[inline]
fn convert<F: Format>(sign: bool, magnitude: u64, rm: Rounding, fl: &mut Flags) -> F::Bits {
    if magnitude == 0 {
        return zero::<F>(false);
    }
    normalize_round::<F>(sign, 63, magnitude, rm, fl)
}
