//! Impairments of ports, for `vkd._native.Switch`.

use crate::switch::Switch;
use pyo3::exceptions::{PyKeyError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::time::Duration;
use switch::capture::Direction;
use switch::io::ImpairmentReport;
use switch::netem::{Chance, Config, Delay, Distribution, GilbertElliott, Rate};

/// A map with all settings: shares and correlations from 0 to 1, seconds, bits a second and bytes.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Settings {
    seed: u64,
    loss: (f64, f64),
    gemodel: Option<(f64, f64, f64, f64)>,
    delay: f64,
    jitter: f64,
    distribution: String,
    delay_correlation: f64,
    ordered: bool,
    duplicate: (f64, f64),
    corrupt: (f64, f64),
    reorder: (f64, f64),
    rate: u64,
    burst: u64,
    queue: u64,
}

impl Settings {
    fn config(&self) -> PyResult<Config> {
        let chance = |(probability, correlation)| Chance { probability, correlation };
        let distribution = Distribution::parse(&self.distribution)
            .ok_or_else(|| PyValueError::new_err(format!("no distribution {:?}", self.distribution)))?;
        let delay = Delay {
            mean: seconds("delay", self.delay)?,
            jitter: seconds("jitter", self.jitter)?,
            distribution,
            correlation: self.delay_correlation,
            ordered: self.ordered,
        };
        let config = Config {
            seed: self.seed,
            loss: chance(self.loss),
            bursts: self.gemodel.map(|(p, r, loss_bad, loss_good)| GilbertElliott { p, r, loss_bad, loss_good }),
            delay,
            duplicate: chance(self.duplicate),
            corrupt: chance(self.corrupt),
            reorder: chance(self.reorder),
            rate: (self.rate > 0).then_some(Rate { bits: self.rate, burst: self.burst, queue: self.queue }),
        };
        config.check().map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(config)
    }
}

fn seconds(name: &str, value: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(value).map_err(|error| PyValueError::new_err(format!("{name}: {error}")))
}

/// Check settings. ValueError if one is out of range.
#[pyfunction]
pub fn check_netem(config: Settings) -> PyResult<()> {
    config.config().map(drop)
}

fn name_of(direction: Direction) -> &'static str {
    match direction {
        Direction::In => "in",
        Direction::Out => "out",
    }
}

#[pymethods]
impl Switch {
    /// Impair what goes `in` or `out` at the port `name`, or (`None`) no longer. ValueError if a setting is out of range.
    fn set_netem(&self, py: Python<'_>, name: String, direction: &str, config: Option<Settings>) -> PyResult<()> {
        let known = [Direction::In, Direction::Out].into_iter().find(|known| name_of(*known) == direction);
        let direction = known.ok_or_else(|| PyValueError::new_err(format!("neither in nor out: {direction}")))?;
        let config = config.map(|settings| settings.config()).transpose()?;
        self.run(py, move |worker| {
            let id = worker.find(&name).ok_or_else(|| PyKeyError::new_err(name))?;
            worker.impair(id, direction, config).map_err(|error| PyValueError::new_err(error.to_string()))
        })?
    }

    /// The impairments that there are, and what they did.
    fn netem<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        self.run(py, |worker| worker.impairments())?.iter().map(|report| to_dict(py, report)).collect()
    }
}

fn to_dict<'py>(py: Python<'py>, report: &ImpairmentReport) -> PyResult<Bound<'py, PyDict>> {
    let tally = &report.tally;
    let dict = PyDict::new(py);
    dict.set_item("port", &report.port)?;
    dict.set_item("direction", name_of(report.direction))?;
    dict.set_item("waiting", report.waiting)?;
    dict.set_item("packets", tally.packets)?;
    dict.set_item("lost", tally.lost)?;
    dict.set_item("over_rate", tally.over_rate)?;
    dict.set_item("no_room", tally.no_room)?;
    dict.set_item("duplicated", tally.duplicated)?;
    dict.set_item("corrupted", tally.corrupted)?;
    dict.set_item("reordered", tally.reordered)?;
    Ok(dict)
}
