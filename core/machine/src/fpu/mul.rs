//! Multiplication.

use super::flags::{Flags, Rounding};
use super::format::{infinity, unpack, zero, Class, Format};
use super::host;
use super::nan;
use super::round::{jam_to_upper, normalize_round};

/// `a * b`.
#[must_use]
#[inline]
pub fn mul<F: Format>(a: F::Bits, b: F::Bits, rm: Rounding, fl: &mut Flags) -> F::Bits {
    host::settled::<F>(rm, fl, || F::host_mul(a, b)).unwrap_or_else(|| product::<F>(a, b, rm, fl))
}

fn product<F: Format>(a: F::Bits, b: F::Bits, rm: Rounding, fl: &mut Flags) -> F::Bits {
    let (a, b) = (unpack::<F>(a), unpack::<F>(b));
    if let Some(nan) = nan::from_operands::<F>(&[a, b], fl) {
        return nan;
    }
    let sign = a.sign != b.sign;
    match (a.class, b.class) {
        (Class::Infinite, Class::Zero) | (Class::Zero, Class::Infinite) => nan::invalid::<F>(fl),
        (Class::Infinite, _) | (_, Class::Infinite) => infinity::<F>(sign),
        (Class::Zero, _) | (_, Class::Zero) => zero::<F>(sign),
        _ => {
            let product = u128::from(a.sig) * u128::from(b.sig);
            normalize_round::<F>(sign, a.exp + b.exp + 1, jam_to_upper(product), rm, fl)
        }
    }
}
