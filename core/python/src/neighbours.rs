//! `vkd._native.Switch`, continued: what it shows to those who speak with its neighbours.

use crate::switch::Switch;
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use switch::{PortConfig, Reserved};

impl Switch {
    fn change(&self, py: Python<'_>, name: String, change: impl Fn(&mut PortConfig) + Send + 'static) -> PyResult<()> {
        self.run(py, move |worker| {
            let id = worker.find(&name).ok_or_else(|| PyKeyError::new_err(name))?;
            worker.set_port(id, change);
            Ok(())
        })?
    }
}

#[pymethods]
impl Switch {
    /// Have frames to reserved groups that come in at a port punted (`reserved`), or switched like others; the rest of the
    /// port's policy stays. KeyError if there is no such port.
    #[pyo3(signature = (name, *, peer))]
    fn set_peer(&self, py: Python<'_>, name: String, peer: bool) -> PyResult<()> {
        let reserved = if peer { Reserved::Peer } else { Reserved::Forward };
        self.change(py, name, move |config| config.policy.reserved = reserved)
    }

    /// Have loop probes that come in at a port punted too (`probe`); they are switched all the same. KeyError if there is no
    /// such port.
    #[pyo3(signature = (name, *, probes))]
    fn set_probes(&self, py: Python<'_>, name: String, probes: bool) -> PyResult<()> {
        self.change(py, name, move |config| config.policy.probes = probes)
    }
}
