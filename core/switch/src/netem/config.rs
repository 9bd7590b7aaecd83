//! What a direction of a port is to suffer from.

use std::fmt;
use std::time::Duration;

/// Delays are at most this long: what is longer is another mistake, and memory.
const LONGEST: Duration = Duration::from_secs(60);

/// A probability, and how much one outcome is like the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Chance {
    /// How often, 0 to 1.
    pub probability: f64,
    /// Correlation of a packet's draw with that of the packet before, 0 to 1 (exclusive).
    pub correlation: f64,
}

/// A two-state model of bursts of loss (Gilbert 1960, Elliott 1963), in the letters of Linux's `tc-netem(8)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GilbertElliott {
    /// Probability to go from good to bad, for each packet.
    pub p: f64,
    /// Probability to go from bad to good.
    pub r: f64,
    /// Loss in the bad state (1-h).
    pub loss_bad: f64,
    /// Loss in the good state (1-k).
    pub loss_good: f64,
}

/// How delays scatter around their mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Distribution {
    /// Evenly, from mean - jitter to mean + jitter.
    #[default]
    Uniform,
    /// Normally; the jitter is the standard deviation.
    Normal,
    /// As a Pareto distribution of shape 3, with a long tail to the right; the jitter is the standard deviation.
    Pareto,
}

impl Distribution {
    /// Every distribution.
    pub const ALL: [Distribution; 3] = [Distribution::Uniform, Distribution::Normal, Distribution::Pareto];

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Distribution::Uniform => "uniform",
            Distribution::Normal => "normal",
            Distribution::Pareto => "pareto",
        }
    }

    /// The distribution called `name`.
    pub fn parse(name: &str) -> Option<Distribution> {
        Self::ALL.into_iter().find(|distribution| distribution.name() == name)
    }
}

/// How long packets take.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Delay {
    /// The mean.
    pub mean: Duration,
    /// How far delays scatter around it; never below zero in all.
    pub jitter: Duration,
    /// In which way they scatter.
    pub distribution: Distribution,
    /// Correlation of a packet's deviation with that of the packet before, 0 to 1 (exclusive).
    pub correlation: f64,
    /// No packet arrives before one that was sent earlier, whatever the jitter.
    pub ordered: bool,
}

/// A slow line: a token bucket with a queue in front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Bits of frames in a second.
    pub bits: u64,
    /// Bytes that may leave at once after a pause. 0: every frame takes its time on the line.
    pub burst: u64,
    /// Bytes that may wait in front of a frame; beyond that it is dropped.
    pub queue: u64,
}

/// All impairments of one direction. The default impairs nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Config {
    /// Where the random numbers begin.
    pub seed: u64,
    /// Loss of single packets.
    pub loss: Chance,
    /// Loss in bursts.
    pub bursts: Option<GilbertElliott>,
    /// Delay.
    pub delay: Delay,
    /// Packets that arrive twice.
    pub duplicate: Chance,
    /// Packets of which one bit is flipped.
    pub corrupt: Chance,
    /// Packets that are not delayed and so overtake those before them.
    pub reorder: Chance,
    /// Bandwidth.
    pub rate: Option<Rate>,
}

/// A setting that cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(String);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Check that everything is in its range.
    pub fn check(&self) -> Result<(), ConfigError> {
        let chances =
            [("loss", self.loss), ("duplicate", self.duplicate), ("corrupt", self.corrupt), ("reorder", self.reorder)];
        for (name, chance) in chances {
            probability(name, chance.probability)?;
            correlation(name, chance.correlation)?;
        }
        if let Some(bursts) = self.bursts {
            for value in [bursts.p, bursts.r, bursts.loss_bad, bursts.loss_good] {
                probability("gemodel", value)?;
            }
        }
        correlation("delay", self.delay.correlation)?;
        if self.delay.mean > LONGEST || self.delay.jitter > LONGEST {
            return Err(ConfigError(format!("delay and jitter are at most {} s", LONGEST.as_secs())));
        }
        if self.reorder.probability > 0.0 && self.delay.mean.is_zero() {
            return Err(ConfigError(
                "reorder needs a delay: packets that are not delayed overtake those that are".into(),
            ));
        }
        match self.rate {
            Some(rate) if !(1_000..=1_000_000_000_000).contains(&rate.bits) => {
                Err(ConfigError(format!("rate: {} bit/s is not between 1 kbit/s and 1 Tbit/s", rate.bits)))
            }
            Some(rate) if rate.burst.max(rate.queue) > 1 << 40 => {
                Err(ConfigError("burst and queue are at most 1 TiB".into()))
            }
            _ => Ok(()),
        }
    }
}

fn probability(name: &str, value: f64) -> Result<(), ConfigError> {
    if (0.0..=1.0).contains(&value) {
        return Ok(());
    }
    Err(ConfigError(format!("{name}: {value} is not a probability between 0 and 1")))
}

fn correlation(name: &str, value: f64) -> Result<(), ConfigError> {
    if (0.0..1.0).contains(&value) {
        return Ok(());
    }
    Err(ConfigError(format!("{name}: a correlation of {value} is not between 0 and 1 (exclusive)")))
}
