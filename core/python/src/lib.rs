//! `vkd._native`: the only crate that knows of Python.

use pyo3::prelude::*;

mod capture;
mod descriptor;
mod forwarding;
mod link;
mod machine;
mod neighbours;
mod netem;
mod policy;
mod profile;
mod switch;
mod translator;
mod tunnel;
mod vpagetable;

/// The native half of vkd and vether.
#[pymodule]
mod _native {
    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");

    #[pymodule_export]
    use crate::capture::check_capture_filter;
    #[pymodule_export]
    use crate::link::Link;
    #[pymodule_export]
    use crate::machine::Machine;
    #[pymodule_export]
    use crate::netem::check_netem;
    #[pymodule_export]
    use crate::policy::Policy;
    #[pymodule_export]
    use crate::switch::{drop_reasons, Switch};
    #[pymodule_export]
    use crate::translator::{translator, windows};
    #[pymodule_export]
    use crate::tunnel::{tunnel_drop_reasons, Tunnel};
    #[pymodule_export]
    use crate::vpagetable::{AccessFault, MemoryFault, PageFault, VPageTable};
}
