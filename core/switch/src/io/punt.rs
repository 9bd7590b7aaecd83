//! Frames on their way up to the control plane.

use rustix::event::{eventfd, EventfdFlags};
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Frames that wait at most; the control plane is slow, and whatever asks of it asks again.
const MAX_WAITING: usize = 256;

/// A frame for the control plane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Punt {
    /// Name of the port that it reached.
    pub port: String,
    /// What it is: `dhcp`, `dns`, `reserved`, `probe`.
    pub reason: &'static str,
    /// The complete frame, without a virtio-net header.
    pub frame: Vec<u8>,
}

/// A bounded queue with a descriptor that is readable while something waits.
pub struct PuntQueue {
    waiting: Mutex<VecDeque<Punt>>,
    ready: OwnedFd,
}

impl PuntQueue {
    /// An empty queue.
    pub fn new() -> io::Result<PuntQueue> {
        let ready = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(PuntQueue { waiting: Mutex::new(VecDeque::new()), ready })
    }

    /// Append a frame; `false` when the control plane does not keep up.
    pub fn push(&self, punt: Punt) -> bool {
        // Guests ask as fast as they like: their questions leave room for what neighbours say.
        let limit = if matches!(punt.reason, "dhcp" | "dns") { MAX_WAITING / 2 } else { MAX_WAITING };
        let mut waiting = self.lock();
        if waiting.len() >= limit {
            return false;
        }
        waiting.push_back(punt);
        let _ = rustix::io::write(&self.ready, &1u64.to_ne_bytes());
        true
    }

    /// Take all that waits.
    pub fn take(&self) -> Vec<Punt> {
        let mut waiting = self.lock();
        let _ = rustix::io::read(&self.ready, &mut [0u8; 8]);
        waiting.drain(..).collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Punt>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsFd for PuntQueue {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ready.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_of_guests_leave_room_for_neighbours() {
        let queue = PuntQueue::new().unwrap();
        let punt = |reason| Punt { port: "a".into(), reason, frame: Vec::new() };
        assert_eq!((0..1000).filter(|_| queue.push(punt("dns"))).count(), MAX_WAITING / 2);
        assert!((0..MAX_WAITING / 2).all(|_| queue.push(punt("reserved"))));
        assert!(!queue.push(punt("reserved")) && !queue.push(punt("dhcp")));
        assert_eq!(queue.take().len(), MAX_WAITING);
    }
}
