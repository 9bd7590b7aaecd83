//! Square root.

use super::flags::{Flags, Rounding};
use super::format::{infinity, unpack, zero, Class, Format};
use super::host;
use super::nan;
use super::round::round;

/// The square root of `a`; that of -0 is -0.
#[must_use]
#[inline]
pub fn sqrt<F: Format>(a: F::Bits, rm: Rounding, fl: &mut Flags) -> F::Bits {
    host::settled::<F>(rm, fl, || F::host_sqrt(a)).unwrap_or_else(|| root::<F>(a, rm, fl))
}

fn root<F: Format>(a: F::Bits, rm: Rounding, fl: &mut Flags) -> F::Bits {
    let a = unpack::<F>(a);
    if let Some(nan) = nan::from_operands::<F>(&[a], fl) {
        return nan;
    }
    match a.class {
        Class::Zero => zero::<F>(a.sign),
        _ if a.sign => nan::invalid::<F>(fl),
        Class::Infinite => infinity::<F>(false),
        _ => {
            // With an even exponent the radicand has 127 or 128 bits and its root exactly 64.
            let radicand = u128::from(a.sig) << (63 + (a.exp & 1));
            let root = radicand.isqrt();
            let sig = root as u64 | u64::from(root * root != radicand);
            round::<F>(false, a.exp >> 1, sig, rm, fl)
        }
    }
}
