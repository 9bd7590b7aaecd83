//! Timestamps against the replay of handshakes: each is later than the one before.

use std::time::Duration;

/// Seconds since 1970 (8 bytes) and nanoseconds (4), big-endian, so that they compare as bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Timestamp(pub(super) [u8; 12]);

impl Timestamp {
    pub(super) fn of(time: Duration) -> Timestamp {
        let mut bytes = [0; 12];
        bytes[..8].copy_from_slice(&time.as_secs().to_be_bytes());
        bytes[8..].copy_from_slice(&time.subsec_nanos().to_be_bytes());
        Timestamp(bytes)
    }
}

/// Makes timestamps that grow, whatever the clock does while we run.
pub(super) struct Stamper {
    wall: Duration,
    last: Duration,
}

impl Stamper {
    pub(super) fn new(wall: Duration) -> Stamper {
        Stamper { wall, last: Duration::ZERO }
    }

    pub(super) fn next(&mut self, now: Duration) -> Timestamp {
        self.last = (self.wall.saturating_add(now)).max(self.last + Duration::from_nanos(1));
        Timestamp::of(self.last)
    }
}
