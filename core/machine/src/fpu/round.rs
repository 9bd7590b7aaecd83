//! Rounding: the one place where a result loses bits.

use super::flags::{Flags, Rounding};
use super::format::{infinity, pack, Format};

/// Shift right; a lost one bit stays visible as a one in bit 0.
#[inline]
pub(super) fn shift_right_jam(value: u64, count: u32) -> u64 {
    match count {
        0 => value,
        1..=63 => value >> count | u64::from(value << (64 - count) != 0),
        _ => u64::from(value != 0),
    }
}

/// [`shift_right_jam`] for twice as many bits.
#[inline]
pub(super) fn shift_right_jam_wide(value: u128, count: u32) -> u128 {
    match count {
        0 => value,
        1..=127 => value >> count | u128::from(value << (128 - count) != 0),
        _ => u128::from(value != 0),
    }
}

/// The upper half of `value`, with everything below it jammed into bit 0.
#[inline]
pub(super) fn jam_to_upper(value: u128) -> u64 {
    (value >> 64) as u64 | u64::from(value as u64 != 0)
}

/// Whether a magnitude goes up to the next representable one, when its last kept bit is `odd` and the `rest` that is cut
/// off is to be measured against `half` a unit of that bit.
#[inline]
pub(super) fn rounds_up(rm: Rounding, sign: bool, odd: bool, rest: u64, half: u64) -> bool {
    match rm {
        Rounding::NearestEven => rest > half || rest == half && odd,
        Rounding::NearestMaxMagnitude => rest >= half,
        Rounding::TowardZero => false,
        Rounding::Down => sign && rest != 0,
        Rounding::Up => !sign && rest != 0,
    }
}

/// Cut `sig` to the format's precision: the kept bits (rounded, perhaps carried one bit further), and whether any was lost.
#[inline]
fn cut<F: Format>(sign: bool, sig: u64, rm: Rounding) -> (u64, bool) {
    let lost = 63 - F::FRACTION_BITS;
    let kept = sig >> lost;
    let rest = sig & ((1 << lost) - 1);
    (kept + u64::from(rounds_up(rm, sign, kept & 1 != 0, rest, 1 << (lost - 1))), rest != 0)
}

/// Round ±`sig` · 2^(`exp` - 63) into the format. Bit 63 of `sig` is set; bit 0 may stand for lost ones.
#[inline]
pub(super) fn round<F: Format>(sign: bool, exp: i32, sig: u64, rm: Rounding, fl: &mut Flags) -> F::Bits {
    if exp < F::MIN_EXP {
        return round_subnormal::<F>(sign, exp, sig, rm, fl);
    }
    let (kept, inexact) = cut::<F>(sign, sig, rm);
    if exp > F::BIAS {
        return overflow::<F>(sign, rm, fl);
    }
    // `kept` has its leading one just above the fraction: it counts one up in the exponent field, a carry another.
    let magnitude = (((exp + F::BIAS - 1) as u64) << F::FRACTION_BITS) + kept;
    if magnitude >= F::INFINITY {
        return overflow::<F>(sign, rm, fl);
    }
    if inexact {
        *fl |= Flags::NX;
    }
    pack::<F>(sign, magnitude)
}

#[cold]
fn round_subnormal<F: Format>(sign: bool, exp: i32, sig: u64, rm: Rounding, fl: &mut Flags) -> F::Bits {
    // Tiny after rounding: unless, with an unbounded exponent, it would have rounded up to the smallest normal number.
    let carried = cut::<F>(sign, sig, rm).0 >> (F::FRACTION_BITS + 1) != 0;
    let tiny = exp < F::MIN_EXP - 1 || !carried;
    let (kept, inexact) = cut::<F>(sign, shift_right_jam(sig, (F::MIN_EXP - exp) as u32), rm);
    if inexact {
        *fl |= if tiny { Flags::UF | Flags::NX } else { Flags::NX };
    }
    pack::<F>(sign, kept)
}

#[cold]
fn overflow<F: Format>(sign: bool, rm: Rounding, fl: &mut Flags) -> F::Bits {
    *fl |= Flags::OF | Flags::NX;
    let to_infinity = match rm {
        Rounding::NearestEven | Rounding::NearestMaxMagnitude => true,
        Rounding::TowardZero => false,
        Rounding::Down => sign,
        Rounding::Up => !sign,
    };
    if to_infinity {
        infinity::<F>(sign)
    } else {
        pack::<F>(sign, F::INFINITY - 1)
    }
}

/// Normalise and round ±`sig` · 2^(`exp` - 63) where `sig` is not zero.
#[inline]
pub(super) fn normalize_round<F: Format>(sign: bool, exp: i32, sig: u64, rm: Rounding, fl: &mut Flags) -> F::Bits {
    let shift = sig.leading_zeros();
    round::<F>(sign, exp - shift as i32, sig << shift, rm, fl)
}
