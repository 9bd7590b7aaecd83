//! Whether this host can translate guest code.

use pyo3::prelude::*;

/// Why guest code cannot be translated on this host and is interpreted instead; None where it can.
#[pyfunction]
pub fn translator() -> Option<&'static str> {
    supported().err()
}

#[cfg(target_arch = "x86_64")]
fn supported() -> Result<(), &'static str> {
    let features = [
        (is_x86_feature_detected!("bmi2"), "the processor has no BMI2"),
        (is_x86_feature_detected!("lzcnt"), "the processor has no LZCNT"),
        (is_x86_feature_detected!("popcnt"), "the processor has no POPCNT"),
        (is_x86_feature_detected!("avx"), "the processor has no AVX"),
        (is_x86_feature_detected!("fma"), "the processor has no FMA"),
    ];
    features.iter().try_for_each(|(there, reason)| there.then_some(()).ok_or(*reason))
}

#[cfg(not(target_arch = "x86_64"))]
fn supported() -> Result<(), &'static str> {
    Err("there is a translator for x86-64 processors only")
}
