//! `vkd._native`: the only crate that knows of Python.

use pyo3::prelude::*;

mod machine;
mod profile;
mod switch;
mod translator;
mod vpagetable;

/// The native half of vkd and vether.
#[pymodule]
mod _native {
    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");

    #[pymodule_export]
    use crate::machine::Machine;
    #[pymodule_export]
    use crate::switch::{drop_reasons, Switch};
    #[pymodule_export]
    use crate::translator::{translator, windows};
    #[pymodule_export]
    use crate::vpagetable::{AccessFault, MemoryFault, PageFault, VPageTable};
}
