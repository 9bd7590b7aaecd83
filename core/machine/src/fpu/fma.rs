//! Fused multiply-add.

use super::add::zero_sum_sign;
use super::flags::{Flags, Rounding};
use super::format::{infinity, unpack, zero, Class, Format, Unpacked};
use super::host;
use super::nan;
use super::round::{jam_to_upper, round, shift_right_jam_wide};

/// `a * b + c`, rounded once. `inf * 0` is invalid even when `c` is a quiet NaN.
#[must_use]
#[inline]
pub fn fma<F: Format>(a: F::Bits, b: F::Bits, c: F::Bits, rm: Rounding, fl: &mut Flags) -> F::Bits {
    host::settled::<F>(rm, fl, || F::host_fma(a, b, c)).unwrap_or_else(|| fused::<F>(a, b, c, rm, fl))
}

fn fused<F: Format>(a: F::Bits, b: F::Bits, c: F::Bits, rm: Rounding, fl: &mut Flags) -> F::Bits {
    let addend = c;
    let (a, b, c) = (unpack::<F>(a), unpack::<F>(b), unpack::<F>(c));
    if matches!((a.class, b.class), (Class::Infinite, Class::Zero) | (Class::Zero, Class::Infinite)) {
        return nan::invalid::<F>(fl);
    }
    if let Some(nan) = nan::from_operands::<F>(&[a, b, c], fl) {
        return nan;
    }
    let sign = a.sign != b.sign;
    let product_infinite = a.class == Class::Infinite || b.class == Class::Infinite;
    let product_zero = a.class == Class::Zero || b.class == Class::Zero;
    match c.class {
        Class::Infinite if product_infinite && sign != c.sign => nan::invalid::<F>(fl),
        Class::Infinite => infinity::<F>(c.sign),
        _ if product_infinite => infinity::<F>(sign),
        Class::Zero if product_zero => zero::<F>(zero_sum_sign(sign, c.sign, rm)),
        _ if product_zero => addend,
        _ => finite::<F>(a, b, c, rm, fl),
    }
}

/// ±`sig` · 2^(`exp` - 126), bit 126 being the leading one.
#[derive(Clone, Copy)]
struct Wide {
    sign: bool,
    exp: i32,
    sig: u128,
}

fn finite<F: Format>(a: Unpacked, b: Unpacked, c: Unpacked, rm: Rounding, fl: &mut Flags) -> F::Bits {
    // The product is exact and, by the width of the formats, has at least 22 zero bits at its lower end.
    let full = u128::from(a.sig) * u128::from(b.sig);
    let shift = full.leading_zeros();
    let product = Wide { sign: a.sign != b.sign, exp: a.exp + b.exp + 1 - shift as i32, sig: full << shift >> 1 };
    if c.class == Class::Zero {
        return round::<F>(product.sign, product.exp, jam_to_upper(product.sig << 1), rm, fl);
    }
    let addend = Wide { sign: c.sign, exp: c.exp, sig: u128::from(c.sig) << 63 };
    let (large, small) =
        if (product.exp, product.sig) >= (addend.exp, addend.sig) { (product, addend) } else { (addend, product) };
    // Only a distance beyond the zero bits jams, and then the sum keeps far more bits than the format has.
    let low = shift_right_jam_wide(small.sig, (large.exp - small.exp) as u32);
    let sig = if large.sign == small.sign { large.sig + low } else { large.sig - low };
    if sig == 0 {
        return zero::<F>(zero_sum_sign(product.sign, addend.sign, rm));
    }
    let shift = sig.leading_zeros();
    round::<F>(large.sign, large.exp + 1 - shift as i32, jam_to_upper(sig << shift), rm, fl)
}
