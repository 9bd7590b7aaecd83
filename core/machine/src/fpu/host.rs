//! The short way: let the host compute where its result and its flags are known to be ours.
//!
//! Rust's arithmetic is IEEE 754 to nearest, ties to even, and tells no flags. When inexact is already accrued and the result
//! is finite and above the smallest normal number, no flag can be news: overflow and division by zero give infinity, an
//! invalid operation a NaN, and underflow a number not above the smallest normal one. Such results are most of all.

use super::flags::{Flags, Rounding};
use super::format::Format;

/// The x87 unit, which 32-bit x86 without SSE2 is left with, rounds to its own precision first.
const EXACT: bool = !cfg!(all(target_arch = "x86", not(target_feature = "sse2")));

/// The result of `compute` when it is ours, flags included.
#[inline(always)]
pub(super) fn settled<F: Format>(rm: Rounding, fl: &Flags, compute: impl FnOnce() -> F::Bits) -> Option<F::Bits> {
    if !EXACT || rm != Rounding::NearestEven || fl.0 & Flags::NX.0 == 0 {
        return None;
    }
    let result = compute();
    let magnitude = result.into() & !F::SIGN;
    (magnitude > 1 << F::FRACTION_BITS && magnitude < F::INFINITY).then_some(result)
}
