//! Impairments of a port, one direction each: what a bad cable, a long line or a slow modem does to frames.
//!
//! An [`Impairment`] is pure: packets and the time go in, and packets come out when they are due. It decides in this order:
//!
//! ```text
//! bandwidth (token bucket, tail drop) -> loss, Gilbert-Elliott loss -> corruption -> duplication -> delay, jitter, reordering
//! ```
//! Each impairment draws from a stream of random numbers of its own, all made from one seed: the same seed, packets and
//! times give the same result, and a change of one setting leaves the draws of all others as they were.

mod bucket;
mod chance;
mod config;
mod delay;
mod impairment;
mod rng;
mod store;

pub use config::{Chance, Config, ConfigError, Delay, Distribution, GilbertElliott, Rate};
pub use impairment::{Impairment, Tally};
