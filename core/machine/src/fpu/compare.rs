//! Comparisons, minimum and maximum.

use super::flags::Flags;
use super::format::{unpack, Class, Format};

/// Orders numbers that are not NaN, the two zeros being equal.
#[inline]
fn order<F: Format>(bits: F::Bits) -> i64 {
    let raw: u64 = bits.into();
    let magnitude = (raw & !F::SIGN) as i64;
    if raw & F::SIGN == 0 {
        magnitude
    } else {
        -magnitude
    }
}

/// The operands' places in the order; `None` when one is a NaN, which is invalid when it signals or the comparison does.
#[inline]
fn ordered<F: Format>(a: F::Bits, b: F::Bits, signaling: bool, fl: &mut Flags) -> Option<(i64, i64)> {
    let (x, y) = (unpack::<F>(a), unpack::<F>(b));
    if !x.is_nan() && !y.is_nan() {
        return Some((order::<F>(a), order::<F>(b)));
    }
    if signaling || x.class == Class::SignalingNan || y.class == Class::SignalingNan {
        *fl |= Flags::NV;
    }
    None
}

/// `a == b`, quietly: only a signalling NaN is invalid.
#[must_use]
pub fn eq<F: Format>(a: F::Bits, b: F::Bits, fl: &mut Flags) -> bool {
    ordered::<F>(a, b, false, fl).is_some_and(|(x, y)| x == y)
}

/// `a < b`; any NaN is invalid.
#[must_use]
pub fn lt<F: Format>(a: F::Bits, b: F::Bits, fl: &mut Flags) -> bool {
    ordered::<F>(a, b, true, fl).is_some_and(|(x, y)| x < y)
}

/// `a <= b`; any NaN is invalid.
#[must_use]
pub fn le<F: Format>(a: F::Bits, b: F::Bits, fl: &mut Flags) -> bool {
    ordered::<F>(a, b, true, fl).is_some_and(|(x, y)| x <= y)
}

/// minimumNumber: the lesser, -0 being less than +0; a NaN loses to a number.
#[must_use]
pub fn min<F: Format>(a: F::Bits, b: F::Bits, fl: &mut Flags) -> F::Bits {
    select::<F>(a, b, fl, |x, y| x <= y)
}

/// maximumNumber: the greater, +0 being greater than -0; a NaN loses to a number.
#[must_use]
pub fn max<F: Format>(a: F::Bits, b: F::Bits, fl: &mut Flags) -> F::Bits {
    select::<F>(a, b, fl, |x, y| x >= y)
}

#[inline]
fn select<F: Format>(a: F::Bits, b: F::Bits, fl: &mut Flags, first: fn(i64, i64) -> bool) -> F::Bits {
    if let Some((x, y)) = ordered::<F>(a, b, false, fl) {
        // Equal places are equal bits or the two zeros, which the sign bit then orders.
        let negative = |bits: F::Bits| -i64::from(bits.into() & F::SIGN != 0);
        let takes_a = if x == y { first(negative(a), negative(b)) } else { first(x, y) };
        return if takes_a { a } else { b };
    }
    if !unpack::<F>(a).is_nan() {
        a
    } else if !unpack::<F>(b).is_nan() {
        b
    } else {
        F::encode(F::CANONICAL_NAN)
    }
}
