//! Token buckets for handshakes: one tells when there is a flood, many bound what one address may ask in it.

use super::mac::derive;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Handshakes a second that are answered without a cookie, and how many at once.
const RATE: f64 = 50.0;
const BURST: f64 = 100.0;
/// The same for one address that shows a cookie.
const RATE_OF_ONE: f64 = 10.0;
const BURST_OF_ONE: f64 = 10.0;
/// Addresses share so many buckets; which, nobody outside can tell.
const BUCKETS: usize = 512;

#[derive(Clone, Copy)]
struct Bucket {
    tokens: f64,
    filled: Duration,
}

impl Bucket {
    fn take(&mut self, now: Duration, rate: f64, burst: f64) -> bool {
        let gained = now.saturating_sub(self.filled).as_secs_f64() * rate;
        self.tokens = (self.tokens + gained).min(burst);
        self.filled = now;
        let enough = self.tokens >= 1.0;
        if enough {
            self.tokens -= 1.0;
        }
        enough
    }
}

pub(super) struct Flood {
    all: Bucket,
    each: Vec<Bucket>,
    key: [u8; 32],
}

impl Flood {
    pub(super) fn new(key: [u8; 32]) -> Flood {
        let full = |tokens| Bucket { tokens, filled: Duration::ZERO };
        Flood { all: full(BURST), each: vec![full(BURST_OF_ONE); BUCKETS], key }
    }

    /// Whether a handshake without a cookie is answered now.
    pub(super) fn admits(&mut self, now: Duration) -> bool {
        self.all.take(now, RATE, BURST)
    }

    /// Whether one that shows a cookie is.
    pub(super) fn admits_known(&mut self, from: SocketAddr, now: Duration) -> bool {
        let hash = match from.ip() {
            IpAddr::V4(ip) => derive(&self.key, &ip.octets()),
            // Who has one address of a /64 has all.
            IpAddr::V6(ip) => derive(&self.key, &ip.octets()[..8]),
        };
        let bucket = usize::from(u16::from_le_bytes([hash[0], hash[1]])) % BUCKETS;
        self.each[bucket].take(now, RATE_OF_ONE, BURST_OF_ONE)
    }
}
