//! Whether this host can translate guest code.

use machine::jit;
use pyo3::prelude::*;

/// Why guest code cannot be translated on this host and is interpreted instead; None where it can.
#[pyfunction]
pub fn translator() -> Option<&'static str> {
    jit::supported().err()
}
