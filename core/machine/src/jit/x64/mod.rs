//! Code for x86-64 with the extensions of the third level (AVX2, BMI, FMA).
//!
//! `unsafe` is getauxval(3).

// The assembler's macro converts the numbers of registers, whatever their type.
#![allow(clippy::useless_conversion)]

mod allocation;
mod atomics;
mod bits;
mod control;
mod emitter;
mod float;
mod integer;
mod lookup;
mod memory;
mod multiply;
mod operands;
mod pairs;
mod registers;
pub(super) mod signal;
mod stubs;
mod system;
mod ways;
mod window;

use std::sync::LazyLock;

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
    let lacks = |(there, lacks): &(bool, &str)| !there || disowned(lacks);
    features.into_iter().find(lacks).map_or(Ok(()), |(_, lacks)| Err(lacks))
}

/// Whether translated code can access windows on this host, or why not: programs have to be let set the register that they are
/// accessed by.
///
/// # Errors
/// What it lacks.
#[expect(unsafe_code)]
pub fn windows_supported() -> Result<(), &'static str> {
    const FSGSBASE: u64 = 1 << 1;
    const LACKS: &str = "no FSGSBASE";
    supported()?;
    // SAFETY: it only reads what the host passed to the process.
    let there = unsafe { libc::getauxval(libc::AT_HWCAP2) } & FSGSBASE != 0;
    if there && !disowned(LACKS) {
        Ok(())
    } else {
        Err(LACKS)
    }
}

/// Whether the environment variable `VKD_HOST_LACKS` (`bmi2,fma`) pretends that there is no such feature, for tests.
fn disowned(lacks: &str) -> bool {
    static NAMES: LazyLock<String> = LazyLock::new(|| std::env::var("VKD_HOST_LACKS").unwrap_or_default());
    let name = lacks.trim_start_matches("no ");
    NAMES.split(',').any(|disowned| disowned.eq_ignore_ascii_case(name))
}
