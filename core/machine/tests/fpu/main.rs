//! The arithmetic of `machine::fpu` against two independent references: the host's own unit where it has the operation and
//! the rounding mode, and exact rational arithmetic on big integers for every mode.

mod exact;
mod exact_reference;
#[cfg(target_arch = "x86_64")]
mod host;
#[cfg(target_arch = "x86_64")]
mod host_reference;
mod operands;
mod properties;
mod risc_v;

use machine::fpu::Rounding;

/// Every rounding direction.
const ROUNDINGS: [Rounding; 5] =
    [Rounding::NearestEven, Rounding::TowardZero, Rounding::Down, Rounding::Up, Rounding::NearestMaxMagnitude];
