//! A token bucket that says when a packet leaves, in virtual time: no timer, no queue of its own.

use super::config::Rate;
use std::time::Duration;

/// Its whole state: when the bucket would be full again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bucket {
    full: Duration,
}

impl Bucket {
    /// A packet of `bytes` comes at `now`: when it has left, or `None` if too much waits already.
    pub(super) fn admit(&mut self, rate: &Rate, bytes: u64, now: Duration) -> Option<Duration> {
        let full = self.full.max(now) + time(rate, bytes);
        let leaves = full.saturating_sub(time(rate, rate.burst)).max(now);
        if leaves - now > time(rate, rate.queue.saturating_add(bytes)) {
            return None;
        }
        self.full = full;
        Some(leaves)
    }
}

/// How long `bytes` take.
fn time(rate: &Rate, bytes: u64) -> Duration {
    let nanoseconds = u128::from(bytes) * 8_000_000_000 / u128::from(rate.bits.max(1));
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX / 4).min(u64::MAX / 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn without_a_burst_each_packet_takes_its_time_on_the_line() {
        let rate = Rate { bits: 8_000_000, burst: 0, queue: 3_000 };
        let mut bucket = Bucket::default();
        let leaves: Vec<_> = (0..6).map(|_| bucket.admit(&rate, 1_000, MS)).collect();
        assert_eq!(leaves, [Some(2 * MS), Some(3 * MS), Some(4 * MS), Some(5 * MS), None, None]);
        assert_eq!(bucket.admit(&rate, 1_000, 2 * MS), Some(6 * MS), "one has left, one has room");
        assert_eq!(bucket.admit(&rate, 1_000, 100 * MS), Some(101 * MS), "nothing was saved in the pause");
    }

    #[test]
    fn a_burst_leaves_at_once_after_a_pause() {
        let rate = Rate { bits: 8_000_000, burst: 2_000, queue: 10_000 };
        let mut bucket = Bucket::default();
        let now = 50 * MS;
        let leaves: Vec<_> = (0..4).map(|_| bucket.admit(&rate, 1_000, now).unwrap() - now).collect();
        assert_eq!(leaves, [Duration::ZERO, Duration::ZERO, MS, 2 * MS]);
    }
}
