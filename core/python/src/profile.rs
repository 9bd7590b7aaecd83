//! Samples of a machine's harts as Python objects.

use machine::layout::TIMEBASE_HZ;
use machine::sampler::{Record, Sample};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

/// What `Machine.profile_read()` returns: `records` of each hart.
pub fn to_python(py: Python<'_>, records: Vec<Record>) -> PyResult<Bound<'_, PyDict>> {
    let (samples, dict) = (PyList::empty(py), PyDict::new(py));
    dict.set_item("lost", records.iter().map(|record| record.lost).collect::<Vec<_>>())?;
    dict.set_item("idle", records.iter().map(|record| record.idle).collect::<Vec<_>>())?;
    for (hart, record) in records.into_iter().enumerate() {
        for sample in record.samples {
            samples.append(row(py, hart, sample))?;
        }
    }
    dict.set_item("samples", samples)?;
    Ok(dict)
}

type Row<'py> = (usize, f64, u8, u64, u64, Option<u64>, Vec<u64>, Option<Bound<'py, PyBytes>>);

fn row(py: Python<'_>, hart: usize, sample: Sample) -> Row<'_> {
    let seconds = sample.time as f64 / TIMEBASE_HZ as f64;
    let name = sample.task.map(|name| {
        let length = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
        PyBytes::new(py, &name[..length])
    });
    (hart, seconds, sample.privilege as u8, sample.satp, sample.pc, sample.ra, sample.frames, name)
}
