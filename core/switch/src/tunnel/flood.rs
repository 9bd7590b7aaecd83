//! Token buckets for handshakes: one tells when there is a flood, many bound what one address may ask in it.

use super::mac::derive;
use crate::bucket::{Bucket, Rate};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Handshakes that are answered without a cookie.
const RATE: Rate = Rate { per_second: 50, burst: 100 };
/// The same for one address that shows a cookie.
const RATE_OF_ONE: Rate = Rate { per_second: 10, burst: 10 };
/// Addresses share so many buckets; which, nobody outside can tell.
const BUCKETS: usize = 512;

pub(super) struct Flood {
    all: Bucket,
    each: Vec<Bucket>,
    key: [u8; 32],
}

impl Flood {
    pub(super) fn new(key: [u8; 32]) -> Flood {
        Flood { all: Bucket::new(RATE), each: vec![Bucket::new(RATE_OF_ONE); BUCKETS], key }
    }

    /// Whether a handshake without a cookie is answered now.
    pub(super) fn admits(&mut self, now: Duration) -> bool {
        self.all.take(1, now)
    }

    /// Whether one that shows a cookie is.
    pub(super) fn admits_known(&mut self, from: SocketAddr, now: Duration) -> bool {
        let hash = match from.ip() {
            IpAddr::V4(ip) => derive(&self.key, &ip.octets()),
            // Who has one address of a /64 has all.
            IpAddr::V6(ip) => derive(&self.key, &ip.octets()[..8]),
        };
        let bucket = usize::from(u16::from_le_bytes([hash[0], hash[1]])) % BUCKETS;
        self.each[bucket].take(1, now)
    }
}
