//! Conversion to integers: out of range saturates and is invalid (and not inexact), NaN counts as plus infinity.

use super::flags::{Flags, Rounding};
use super::format::{unpack, Class, Format};
use super::round::{rounds_up, shift_right_jam_wide};

/// `a` as `i32`.
#[must_use]
pub fn to_i32<F: Format>(a: F::Bits, rm: Rounding, fl: &mut Flags) -> i32 {
    convert::<F>(a, i32::MIN.into(), i32::MAX.into(), rm, fl) as i32
}

/// `a` as `u32`.
#[must_use]
pub fn to_u32<F: Format>(a: F::Bits, rm: Rounding, fl: &mut Flags) -> u32 {
    convert::<F>(a, 0, u32::MAX.into(), rm, fl) as u32
}

/// `a` as `i64`.
#[must_use]
pub fn to_i64<F: Format>(a: F::Bits, rm: Rounding, fl: &mut Flags) -> i64 {
    convert::<F>(a, i64::MIN.into(), i64::MAX.into(), rm, fl) as i64
}

/// `a` as `u64`.
#[must_use]
pub fn to_u64<F: Format>(a: F::Bits, rm: Rounding, fl: &mut Flags) -> u64 {
    convert::<F>(a, 0, u64::MAX.into(), rm, fl) as u64
}

/// `a` rounded to an integer and clamped to `least..=greatest`.
#[inline]
fn convert<F: Format>(a: F::Bits, least: i128, greatest: i128, rm: Rounding, fl: &mut Flags) -> i128 {
    let a = unpack::<F>(a);
    let limit = if a.sign && !a.is_nan() { least } else { greatest };
    match a.class {
        Class::Zero => return 0,
        Class::Finite if a.exp <= 63 => {}
        _ => {
            *fl |= Flags::NV;
            return limit;
        }
    }
    // Fixed point with 64 bits on either side.
    let fixed = shift_right_jam_wide(u128::from(a.sig) << 64, (63 - a.exp) as u32);
    let (whole, rest) = ((fixed >> 64) as i128, fixed as u64);
    let magnitude = whole + i128::from(rounds_up(rm, a.sign, whole & 1 != 0, rest, 1 << 63));
    let value = if a.sign { -magnitude } else { magnitude };
    if !(least..=greatest).contains(&value) {
        *fl |= Flags::NV;
        return limit;
    }
    if rest != 0 {
        *fl |= Flags::NX;
    }
    value
}
