//! Conversion between the formats.

use super::flags::{Flags, Rounding};
use super::format::{infinity, unpack, zero, Class, Double, Format, Single};
use super::nan;
use super::round::round;

/// A binary32 as binary64: always exact.
#[must_use]
pub fn single_to_double(a: u32, fl: &mut Flags) -> u64 {
    resize::<Single, Double>(a, Rounding::NearestEven, fl)
}

/// A binary64 as binary32.
#[must_use]
pub fn double_to_single(a: u64, rm: Rounding, fl: &mut Flags) -> u32 {
    resize::<Double, Single>(a, rm, fl)
}

#[inline]
fn resize<A: Format, B: Format>(a: A::Bits, rm: Rounding, fl: &mut Flags) -> B::Bits {
    let a = unpack::<A>(a);
    if let Some(nan) = nan::from_operands::<B>(&[a], fl) {
        return nan;
    }
    match a.class {
        Class::Infinite => infinity::<B>(a.sign),
        Class::Zero => zero::<B>(a.sign),
        _ => round::<B>(a.sign, a.exp, a.sig, rm, fl),
    }
}
