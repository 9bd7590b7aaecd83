//! Records on their way from the datapath to a reader: bounded memory, and nobody waits for the other.

use rustix::event::{eventfd, EventfdFlags};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What became of records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Packets recorded.
    pub packets: u64,
    /// Bytes of the file so far.
    pub bytes: u64,
    /// Packets that were selected and not recorded, for the reader did not keep up.
    pub lost: u64,
}

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    tally: Tally,
}

/// Whole pcapng blocks that wait for their reader. The lock is held for copies in memory only, never for I/O.
pub struct Ring {
    state: Mutex<State>,
    capacity: usize,
    ready: OwnedFd,
}

impl Ring {
    /// An empty ring for at most `capacity` bytes.
    pub fn new(capacity: usize) -> io::Result<Ring> {
        let ready = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Ring { state: Mutex::default(), capacity, ready })
    }

    /// Append blocks of one packet, of at most `bytes`, if there is room. Otherwise the packet is counted as lost.
    pub(super) fn push(&self, bytes: usize, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        let mut state = self.lock();
        if state.bytes.len() + bytes > self.capacity {
            state.tally.lost += 1;
            return false;
        }
        state.tally.packets += 1;
        self.append(&mut state, write);
        true
    }

    /// Append blocks that are not a packet's, be there room or not: these are few, and the others need them.
    pub(super) fn force(&self, write: impl FnOnce(&mut Vec<u8>)) {
        self.append(&mut self.lock(), write);
    }

    fn append(&self, state: &mut State, write: impl FnOnce(&mut Vec<u8>)) {
        let before = state.bytes.len();
        write(&mut state.bytes);
        state.tally.bytes += (state.bytes.len() - before) as u64;
        if before == 0 {
            let _ = rustix::io::write(&self.ready, &1u64.to_ne_bytes());
        }
    }

    /// Take all that waits.
    pub fn take(&self) -> Vec<u8> {
        let mut state = self.lock();
        let _ = rustix::io::read(&self.ready, &mut [0u8; 8]);
        std::mem::take(&mut state.bytes)
    }

    /// What became of records so far.
    pub fn tally(&self) -> Tally {
        self.lock().tally
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Readable while something waits.
impl AsFd for Ring {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ready.as_fd()
    }
}
