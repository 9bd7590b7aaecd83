//! Whether this host can translate guest code, and have windows for it.

use machine::jit;
use machine::vpagetable::WindowLimits;
use pyo3::prelude::*;

/// Why guest code cannot be translated on this host and is interpreted instead; None where it can.
#[pyfunction]
pub fn translator() -> Option<&'static str> {
    jit::supported().err()
}

/// Why translated code cannot access all of a guest's memory through this host's MMU; None where it can.
#[pyfunction]
pub fn windows() -> Option<String> {
    jit::windows_supported().map_err(String::from).and_then(|()| WindowLimits::check()).err()
}
