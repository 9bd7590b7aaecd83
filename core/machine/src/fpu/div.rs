//! Division.

use super::flags::{Flags, Rounding};
use super::format::{infinity, unpack, zero, Class, Format};
use super::host;
use super::nan;
use super::round::normalize_round;

/// `a / b`.
#[must_use]
#[inline]
pub fn div<F: Format>(a: F::Bits, b: F::Bits, rm: Rounding, fl: &mut Flags) -> F::Bits {
    host::settled::<F>(rm, fl, || F::host_div(a, b)).unwrap_or_else(|| quotient::<F>(a, b, rm, fl))
}

fn quotient<F: Format>(a: F::Bits, b: F::Bits, rm: Rounding, fl: &mut Flags) -> F::Bits {
    let (a, b) = (unpack::<F>(a), unpack::<F>(b));
    if let Some(nan) = nan::from_operands::<F>(&[a, b], fl) {
        return nan;
    }
    let sign = a.sign != b.sign;
    match (a.class, b.class) {
        (Class::Infinite, Class::Infinite) | (Class::Zero, Class::Zero) => nan::invalid::<F>(fl),
        (Class::Infinite, _) => infinity::<F>(sign),
        (Class::Zero, _) | (_, Class::Infinite) => zero::<F>(sign),
        (_, Class::Zero) => {
            *fl |= Flags::DZ;
            infinity::<F>(sign)
        }
        _ => {
            // Both significands have bit 63 set: the quotient has 63 or 64 bits, the remainder becomes a sticky bit.
            let dividend = u128::from(a.sig) << 63;
            let divisor = u128::from(b.sig);
            let quotient = (dividend / divisor) as u64 | u64::from(dividend % divisor != 0);
            normalize_round::<F>(sign, a.exp - b.exp, quotient, rm, fl)
        }
    }
}
