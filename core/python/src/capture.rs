//! Captures, for `vkd._native.Switch`.

use crate::switch::Switch;
use pyo3::exceptions::{PyKeyError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use switch::capture::{Directions, Filter, Ring, Tally, Tap, TapConfig};
use switch::io::Worker;

/// Check a capture filter. ValueError that says what is wrong and where.
#[pyfunction]
pub fn check_capture_filter(text: &str) -> PyResult<()> {
    parse(text).map(drop)
}

fn parse(text: &str) -> PyResult<Filter> {
    Filter::parse(text).map_err(|error| PyValueError::new_err(format!("filter {text:?}: {error}")))
}

fn unknown(number: u64) -> PyErr {
    PyKeyError::new_err(format!("no capture {number}"))
}

fn ring(worker: &Worker, number: u64) -> Option<Arc<Ring>> {
    let tap = worker.captures().find(|&(other, _)| other == number);
    tap.map(|(_, tap)| Arc::clone(tap.ring()))
}

#[pymethods]
impl Switch {
    /// Begin a capture; returns its number. Ports need not be there yet; `None` is all of them.
    #[pyo3(signature = (ports = None, *, direction = "both", filter = "", snaplen = 0, memory = 2_097_152))]
    fn start_capture(
        &self,
        py: Python<'_>,
        ports: Option<Vec<String>>,
        direction: &str,
        filter: &str,
        snaplen: u32,
        memory: usize,
    ) -> PyResult<u64> {
        let directions = Directions::parse(direction)
            .ok_or_else(|| PyValueError::new_err(format!("none of in, out, both: {direction}")))?;
        let config = TapConfig { ports, directions, filter: parse(filter)?, snaplen };
        let ring = Arc::new(Ring::new(memory)?);
        self.run(py, move |worker| worker.start_capture(Tap::new(config, ring)))
    }

    /// A descriptor that is readable while [`Switch::take_capture`] has something. It lives as long as the capture.
    fn capture_fd(&self, py: Python<'_>, number: u64) -> PyResult<i32> {
        let ring = self.run(py, move |worker| ring(worker, number))?;
        ring.map(|ring| ring.as_fd().as_raw_fd()).ok_or_else(|| unknown(number))
    }

    /// What was recorded since the last call: whole blocks of a pcapng file.
    fn take_capture<'py>(&self, py: Python<'py>, number: u64) -> PyResult<Bound<'py, PyBytes>> {
        let ring = self.run(py, move |worker| ring(worker, number))?.ok_or_else(|| unknown(number))?;
        Ok(PyBytes::new(py, &ring.take()))
    }

    /// End a capture; returns the file's last blocks.
    fn stop_capture<'py>(&self, py: Python<'py>, number: u64) -> PyResult<Bound<'py, PyBytes>> {
        let tap = self.run(py, move |worker| worker.stop_capture(number))?.ok_or_else(|| unknown(number))?;
        Ok(PyBytes::new(py, &tap.ring().take()))
    }

    /// The captures that there are, and what they recorded.
    fn captures<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let rows = self.run(py, |worker| {
            let row = |(number, tap): (u64, &Tap)| (number, tap.config().clone(), tap.ring().tally());
            worker.captures().map(row).collect::<Vec<_>>()
        })?;
        let to_dict = |(number, config, tally): (u64, TapConfig, Tally)| {
            let dict = PyDict::new(py);
            dict.set_item("number", number)?;
            dict.set_item("ports", config.ports)?;
            dict.set_item("direction", config.directions.name())?;
            dict.set_item("packets", tally.packets)?;
            dict.set_item("bytes", tally.bytes)?;
            dict.set_item("lost", tally.lost)?;
            Ok(dict)
        };
        rows.into_iter().map(to_dict).collect()
    }
}
