//! The machine's time base: ticks of [`TIMEBASE_HZ`] since the machine was made.

use std::time::{Duration, Instant};

use crate::layout::TIMEBASE_HZ;

const NANOS_PER_TICK: u64 = 1_000_000_000 / TIMEBASE_HZ;

/// The source of `time` and `mtime`; the same for every hart.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock that reads 0 now.
    #[must_use]
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }

    /// Ticks since the start.
    #[must_use]
    #[inline]
    pub fn now(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64 / NANOS_PER_TICK
    }

    /// How long until the clock reads `deadline` ticks; zero when it already does.
    #[must_use]
    pub fn until(&self, deadline: u64) -> Duration {
        Duration::from_nanos(deadline.saturating_sub(self.now()).saturating_mul(NANOS_PER_TICK))
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}
