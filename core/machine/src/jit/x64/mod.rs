//! Code for x86-64 with the extensions of the third level (AVX2, BMI, FMA).

// The assembler's macro converts the numbers of registers, whatever their type.
#![allow(clippy::useless_conversion)]

mod allocation;
mod atomics;
mod bits;
mod control;
mod emitter;
mod float;
mod integer;
mod memory;
mod multiply;
mod operands;
mod registers;
pub(super) mod signal;
mod stubs;
mod system;
mod ways;
mod window;

pub(super) use emitter::emit;
pub(super) use stubs::{write_stubs, Stubs};
pub(super) use window::jump;

/// Whether this host can translate, or why not.
///
/// # Errors
/// What it lacks.
pub fn supported() -> Result<(), &'static str> {
    let features = [
        (is_x86_feature_detected!("avx2"), "no AVX2"),
        (is_x86_feature_detected!("bmi1"), "no BMI1"),
        (is_x86_feature_detected!("bmi2"), "no BMI2"),
        (is_x86_feature_detected!("lzcnt"), "no LZCNT"),
        (is_x86_feature_detected!("popcnt"), "no POPCNT"),
        (is_x86_feature_detected!("fma"), "no FMA"),
    ];
    features.into_iter().find(|(there, _)| !there).map_or(Ok(()), |(_, lacks)| Err(lacks))
}

/// Whether this host lets programs set the register that windows are accessed by.
pub(super) fn windows_supported() -> bool {
    const FSGSBASE: u64 = 1 << 1;
    // SAFETY: it only reads what the host passed to the process.
    unsafe { libc::getauxval(libc::AT_HWCAP2) & FSGSBASE != 0 }
}
