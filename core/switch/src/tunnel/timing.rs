//! When to try again.

use super::config::{Entropy, Timers};
use std::time::Duration;

/// Exponential back-off without end, with a jitter of a fifth either way.
#[derive(Default)]
pub(super) struct Backoff {
    attempts: u32,
}

impl Backoff {
    /// Begin anew.
    pub(super) fn reset(&mut self) {
        self.attempts = 0;
    }

    /// One more attempt is made: the pause until the next one.
    pub(super) fn next(&mut self, timers: &Timers, entropy: &mut Entropy) -> Duration {
        let pause = timers.retry_first.saturating_mul(1 << self.attempts.min(8)).min(timers.retry_longest);
        self.attempts = self.attempts.saturating_add(1);
        jitter(pause, entropy)
    }
}

/// `pause`, a fifth longer or shorter.
pub(super) fn jitter(pause: Duration, entropy: &mut Entropy) -> Duration {
    let mut byte = [0];
    entropy(&mut byte);
    pause.mul_f64(0.8 + 0.4 * f64::from(byte[0]) / 255.0)
}
