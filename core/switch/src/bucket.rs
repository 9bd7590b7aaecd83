//! Token buckets: so much in a second, and so much at once. Time is an argument.

use std::time::Duration;

/// Tokens are counted in billionths, so that a refill after any number of nanoseconds is exact.
const BILLION: i64 = 1_000_000_000;

/// How much may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Units (frames or bytes) in a second.
    pub per_second: u64,
    /// Units at once, after a pause.
    pub burst: u64,
}

/// A bucket, full at the beginning.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    rate: Rate,
    /// Billionths of a unit; a debt if negative.
    level: i64,
    filled: Duration,
}

impl Bucket {
    pub(crate) fn new(rate: Rate) -> Bucket {
        Bucket { rate, level: capacity(rate), filled: Duration::ZERO }
    }

    pub(crate) fn rate(&self) -> Rate {
        self.rate
    }

    /// Whether `amount` may pass at `now`; if so, it is taken. What is larger than the burst passes when the bucket is full,
    /// and is made up for afterwards.
    pub(crate) fn take(&mut self, amount: u64, now: Duration) -> bool {
        let elapsed = u64::try_from(now.saturating_sub(self.filled).as_nanos()).unwrap_or(u64::MAX);
        let refill = i64::try_from(elapsed.saturating_mul(self.rate.per_second)).unwrap_or(i64::MAX);
        let capacity = capacity(self.rate);
        self.level = self.level.saturating_add(refill).min(capacity);
        self.filled = self.filled.max(now);
        let cost = billionths(amount);
        let passes = capacity > 0 && self.level >= cost.min(capacity);
        if passes {
            self.level -= cost;
        }
        passes
    }
}

fn capacity(rate: Rate) -> i64 {
    billionths(rate.burst)
}

/// At most half of what fits, so that a debt fits, too.
fn billionths(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX).saturating_mul(BILLION).min(i64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let mut bucket = Bucket::new(Rate { per_second: 10, burst: 3 });
        assert_eq!((0..5).filter(|_| bucket.take(1, SECOND)).count(), 3);
        assert!(!bucket.take(1, SECOND + SECOND / 11));
        assert!(bucket.take(1, SECOND + SECOND / 10) && !bucket.take(1, SECOND + SECOND / 10));
        assert_eq!((0..5).filter(|_| bucket.take(1, SECOND * 1000)).count(), 3);
    }

    #[test]
    fn nothing_is_nothing_and_a_clock_that_goes_back_gives_nothing() {
        assert!(!Bucket::new(Rate { per_second: 0, burst: 0 }).take(1, SECOND));
        let mut bucket = Bucket::new(Rate { per_second: 1, burst: 1 });
        assert!(bucket.take(1, SECOND * 10) && !bucket.take(1, SECOND) && !bucket.take(1, SECOND * 10));
    }

    #[test]
    fn a_packet_larger_than_the_burst_is_made_up_for() {
        let mut bucket = Bucket::new(Rate { per_second: 1000, burst: 100 });
        assert!(bucket.take(2000, SECOND));
        assert!(!bucket.take(1, SECOND * 2) && !bucket.take(100, SECOND * 2 + SECOND / 2));
        assert!(bucket.take(100, SECOND * 3));
    }

    proptest! {
        #[test]
        fn never_more_than_the_burst_and_the_rate_pass(
            per_second in 0u64..2_000_000_000,
            burst in 0u64..1_000_000,
            steps in proptest::collection::vec((0u64..70_000, 0u64..1_000_000_000), 1..100),
        ) {
            let mut bucket = Bucket::new(Rate { per_second, burst });
            let (mut passed, mut now, mut largest) = (0u128, 0u64, 0);
            for (amount, pause) in steps {
                now += pause;
                if bucket.take(amount, Duration::from_nanos(now)) {
                    passed += u128::from(amount);
                    largest = largest.max(amount);
                }
            }
            let allowed = u128::from(burst.max(largest)) + u128::from(per_second) * u128::from(now) / 1_000_000_000;
            prop_assert!(passed <= allowed + 1, "{passed} of {allowed}");
        }

        #[test]
        fn no_number_is_too_large(per_second in any::<u64>(), burst in any::<u64>(), amount in any::<u64>(), now in any::<u64>()) {
            let mut bucket = Bucket::new(Rate { per_second, burst });
            for at in [now, now.saturating_add(1), u64::MAX] {
                bucket.take(amount, Duration::from_nanos(at));
            }
        }
    }
}
