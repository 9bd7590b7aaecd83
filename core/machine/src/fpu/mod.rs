//! IEEE 754 binary32 and binary64 arithmetic as RISC-V wants it: five rounding modes, five flags, canonical NaNs.
//!
//! Everything is integer arithmetic, the same on every host, with one short cut through the host's own unit where that
//! cannot make a difference (`host`): pass the flags that are accrued already to let it be taken. Each operation is generic over the [`Format`]; operands are
//! unpacked to a normalised 64-bit significand, computed with enough guard bits that one sticky bit stands for all the
//! lost ones, and rounded once, in `round`.
//!
//! Source: IEEE 754-2019; RISC-V unprivileged specification, chapters "F" and "D" (canonical NaN, tininess detected
//! after rounding, conversions that saturate, `fmin`/`fmax` as minimumNumber/maximumNumber).

mod add;
mod classify;
mod compare;
mod div;
mod flags;
mod float_to_int;
mod fma;
mod format;
mod host;
mod int_to_float;
mod mul;
mod nan;
mod resize;
mod round;
mod sqrt;

pub use add::{add, sub};
pub use classify::classify;
pub use compare::{eq, le, lt, max, min};
pub use div::div;
pub use flags::{Flags, Rounding};
pub use float_to_int::{to_i32, to_i64, to_u32, to_u64};
pub use fma::fma;
pub use format::{Double, Format, Single};
pub use int_to_float::{from_i32, from_i64, from_u32, from_u64};
pub use mul::mul;
pub use nan::{nan_box, unbox};
pub use resize::{double_to_single, single_to_double};
pub use sqrt::sqrt;
