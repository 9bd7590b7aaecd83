//! Addition and subtraction.

use super::flags::{Flags, Rounding};
use super::format::{infinity, unpack, zero, Class, Format, Unpacked};
use super::host;
use super::nan;
use super::round::{normalize_round, shift_right_jam};

/// `a + b`.
#[must_use]
#[inline]
pub fn add<F: Format>(a: F::Bits, b: F::Bits, rm: Rounding, fl: &mut Flags) -> F::Bits {
    host::settled::<F>(rm, fl, || F::host_add(a, b)).unwrap_or_else(|| sum::<F>(a, b, rm, fl))
}

/// `a - b`.
#[must_use]
#[inline]
pub fn sub<F: Format>(a: F::Bits, b: F::Bits, rm: Rounding, fl: &mut Flags) -> F::Bits {
    add::<F>(a, F::encode(b.into() ^ F::SIGN), rm, fl)
}

/// The sign of an exact sum of zero: that of both zeros when they agree, else minus only when rounding down.
#[inline]
pub(super) fn zero_sum_sign(a: bool, b: bool, rm: Rounding) -> bool {
    if a == b {
        a
    } else {
        rm == Rounding::Down
    }
}

fn sum<F: Format>(a_bits: F::Bits, b_bits: F::Bits, rm: Rounding, fl: &mut Flags) -> F::Bits {
    let (a, b) = (unpack::<F>(a_bits), unpack::<F>(b_bits));
    if let Some(nan) = nan::from_operands::<F>(&[a, b], fl) {
        return nan;
    }
    match (a.class, b.class) {
        (Class::Infinite, Class::Infinite) if a.sign != b.sign => nan::invalid::<F>(fl),
        (Class::Infinite, _) => infinity::<F>(a.sign),
        (_, Class::Infinite) => infinity::<F>(b.sign),
        (Class::Zero, Class::Zero) => zero::<F>(zero_sum_sign(a.sign, b.sign, rm)),
        (Class::Zero, _) => b_bits,
        (_, Class::Zero) => a_bits,
        _ => finite::<F>(a, b, rm, fl),
    }
}

#[inline]
fn finite<F: Format>(a: Unpacked, b: Unpacked, rm: Rounding, fl: &mut Flags) -> F::Bits {
    let (large, small) = if (a.exp, a.sig) >= (b.exp, b.sig) { (a, b) } else { (b, a) };
    // One bit down, to leave room for the carry. The format leaves at least nine zero bits below: enough that what is
    // jammed is never more than a sticky bit, whether it is added or subtracted.
    let high = large.sig >> 1;
    let low = shift_right_jam(small.sig >> 1, (large.exp - small.exp) as u32);
    let sig = if large.sign == small.sign { high + low } else { high - low };
    if sig == 0 {
        return zero::<F>(zero_sum_sign(a.sign, b.sign, rm));
    }
    normalize_round::<F>(large.sign, large.exp + 1, sig, rm, fl)
}
