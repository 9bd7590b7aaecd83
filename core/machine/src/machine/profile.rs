//! The profiler's clock: a thread that asks every hart for a sample, so many times a second.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::Error;
use crate::devices::lock;
use crate::platform::Platform;
use crate::sampler::{Record, Wish};

/// Samples a second and hart that can be asked for.
pub const RATES: std::ops::RangeInclusive<u32> = 1..=10_000;

/// The profiler of one machine. Dropping it ends its thread.
#[derive(Default)]
pub(super) struct Profiler {
    clock: Mutex<Option<Running>>,
}

struct Running {
    ended: Arc<(Mutex<bool>, Condvar)>,
    thread: JoinHandle<()>,
}

impl Profiler {
    /// Begin anew, `rate` times a second.
    ///
    /// # Errors
    /// A rate out of range, or the host's refusal of a thread.
    pub(super) fn start(&self, platform: &Arc<Platform>, rate: u32, wish: Wish) -> Result<(), Error> {
        if !RATES.contains(&rate) {
            let (least, most) = (RATES.start(), RATES.end());
            return Err(Error::Invalid(format!("{rate} samples a second: there can be {least} to {most}")));
        }
        self.stop(platform);
        for wires in &platform.wires {
            wires.sampler.start(wish);
        }
        let ended = Arc::new((Mutex::new(false), Condvar::new()));
        let (shared, board) = (Arc::clone(&ended), Arc::clone(platform));
        let period = Duration::from_secs(1) / rate;
        let thread = thread::Builder::new().name("profiler".into()).spawn(move || tick(&board, period, &shared))?;
        *lock(&self.clock) = Some(Running { ended, thread });
        Ok(())
    }

    /// Take no more samples.
    pub(super) fn stop(&self, platform: &Platform) {
        if let Some(running) = lock(&self.clock).take() {
            *lock(&running.ended.0) = true;
            running.ended.1.notify_one();
            // It panics nowhere; if it did, there were no more samples.
            let _ = running.thread.join();
        }
        for wires in &platform.wires {
            wires.sampler.stop();
        }
    }
}

/// Take what has been recorded of each hart, at most `limit` samples of each.
pub(super) fn read(platform: &Platform, limit: usize) -> Vec<Record> {
    platform.wires.iter().map(|wires| wires.sampler.read(limit)).collect()
}

fn tick(platform: &Platform, period: Duration, ended: &(Mutex<bool>, Condvar)) {
    let mut next = Instant::now() + period;
    let mut over = lock(&ended.0);
    while !*over {
        let now = Instant::now();
        if now < next {
            let waited = ended.1.wait_timeout(over, next - now);
            over = waited.unwrap_or_else(PoisonError::into_inner).0;
            continue;
        }
        platform.wires.iter().for_each(|wires| wires.request_sample());
        // A host that is too busy for the rate gets a lower one, not a burst.
        next = (next + period).max(now);
    }
}
