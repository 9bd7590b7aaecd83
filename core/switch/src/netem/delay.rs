//! How late a packet is.

use super::chance::Sticky;
use super::config::{Delay, Distribution};
use super::rng::Rng;
use std::time::Duration;

/// Shape of the Pareto distribution: the smallest whole one with a variance.
const SHAPE: f64 = 3.0;

/// A Pareto deviate is cut here, in standard deviations: 1 in 6,000 is.
const TAIL: f64 = 20.0;

/// Draws delays.
#[derive(Clone, Debug)]
pub(super) struct Delays(Sticky<f64>);

impl Delays {
    pub(super) fn new(rng: Rng) -> Delays {
        Delays(Sticky::new(rng))
    }

    /// The delay of the next packet.
    pub(super) fn draw(&mut self, delay: &Delay) -> Duration {
        if delay.jitter.is_zero() {
            return delay.mean;
        }
        let deviation = self.0.draw(delay.correlation, |rng| deviate(rng, delay.distribution));
        let seconds = delay.mean.as_secs_f64() + deviation * delay.jitter.as_secs_f64();
        Duration::from_secs_f64(seconds.max(0.0))
    }
}

/// A random number of mean 0: uniform in [-1, 1), or of standard deviation 1.
fn deviate(rng: &mut Rng, distribution: Distribution) -> f64 {
    match distribution {
        Distribution::Uniform => 2.0 * rng.unit() - 1.0,
        Distribution::Normal => rng.normal(),
        Distribution::Pareto => {
            // For shape a and scale 1: mean a/(a-1), variance a/((a-1)^2 (a-2)).
            let mean = SHAPE / (SHAPE - 1.0);
            let deviation = (SHAPE / ((SHAPE - 1.0).powi(2) * (SHAPE - 2.0))).sqrt();
            let value = (1.0 - rng.unit()).powf(-1.0 / SHAPE);
            ((value - mean) / deviation).min(TAIL)
        }
    }
}
