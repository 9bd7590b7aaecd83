//! Entropy device (section 5.4): the host's random numbers.
//!
//! `unsafe` is getrandom(2), which writes to guest memory.

#![expect(unsafe_code)]

use super::queue::{Malformed, Virtqueue};
use super::worker::{Backend, Wait};
use super::Model;
use crate::memory::GuestRam;

/// Requests served per turn.
const TURN: usize = 16;
/// Bytes given per request at most, so that no request holds the device.
const LIMIT: usize = 64 << 10;

/// The entropy source.
pub struct Entropy;

impl Entropy {
    /// What the transport announces.
    #[must_use]
    pub fn model() -> Model {
        Model { id: 4, features: 0, queues: &[64], config: Vec::new() }
    }
}

impl Backend for Entropy {
    fn activate(&mut self, _features: u64) {}

    fn work(&mut self, ram: &GuestRam, queues: &mut [Option<Virtqueue>]) -> Result<Wait, Malformed> {
        let Some(Some(queue)) = queues.first_mut() else { return Ok(Wait::default()) };
        for _ in 0..TURN {
            let Some(chain) = queue.pop(ram)? else {
                return Ok(if queue.arm(ram)? { Wait::AGAIN } else { Wait::default() });
            };
            let mut given = 0;
            for piece in chain.writable.raw() {
                let count = piece.iov_len.min(LIMIT - given);
                // SAFETY: `count` bytes at the piece lie in RAM.
                let got = unsafe { libc::getrandom(piece.iov_base, count, 0) };
                given += usize::try_from(got).unwrap_or(0);
            }
            chain.writable.written(given);
            queue.push(ram, &[(chain.head, given)])?;
        }
        Ok(Wait::AGAIN)
    }
}
