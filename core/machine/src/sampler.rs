//! Samples of what a hart executes, for a profiler: asked for by the profiler's clock, taken by the hart itself.
//!
//! The request rides on the hart's attention ([`crate::irq::HartWires`]), so that a hart that nobody profiles pays
//! nothing. The hart looks at taken jumps, at the end of its budget and before it sleeps: a sample lies at the beginning of
//! a basic block at most some ten instructions on, and at jump targets rather than in front of them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::hart::Privilege;

/// Samples that wait to be read, per hart; then the oldest are lost.
pub const CAPACITY: usize = 8192;

/// Length of a task's name, bytes (Linux: `TASK_COMM_LEN`).
pub const NAME: usize = 16;

/// What a hart was executing at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Ticks of the machine's clock.
    pub time: u64,
    /// The mode it was in.
    pub privilege: Privilege,
    /// Register `satp`: the address space.
    pub satp: u64,
    /// Address of the instruction to execute next.
    pub pc: u64,
    /// Register `ra`, if a call lies before what it points to: in a leaf, and before a function has set up its frame, the
    /// only trace of the caller; later often a place in the function itself.
    pub ra: Option<u64>,
    /// Return addresses found by the frame pointer, innermost first; none in code that keeps none.
    pub frames: Vec<u64>,
    /// Name of the current task, NUL-padded, if it was asked for and could be read.
    pub task: Option<[u8; NAME]>,
}

/// What a profiler wants to know beside the registers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// Offset of the task's name in what Linux keeps in `tp` in the kernel and in `sscratch` outside: its `task_struct`.
    pub task_name: Option<u64>,
}

#[derive(Debug, Default)]
struct Ring {
    /// Nothing is recorded without one.
    wish: Option<Wish>,
    samples: VecDeque<Sample>,
    lost: u64,
    idle: u64,
}

/// What was recorded of one hart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Samples that nobody had read yet, oldest first.
    pub samples: Vec<Sample>,
    /// Samples overwritten since the start because nobody read them.
    pub lost: u64,
    /// Requests since the start that found the hart asleep or stopped.
    pub idle: u64,
}

/// The samples of one hart.
#[derive(Debug, Default)]
pub struct Sampler {
    due: AtomicBool,
    ring: Mutex<Ring>,
}

impl Sampler {
    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begin anew with an empty record.
    pub fn start(&self, wish: Wish) {
        *self.lock() = Ring { wish: Some(wish), ..Ring::default() };
    }

    /// Record no more. What has been recorded can still be read.
    pub fn stop(&self) {
        self.due.store(false, Relaxed);
        self.lock().wish = None;
    }

    /// Ask the hart for a sample, or note that it is at rest. The caller gets its attention.
    pub fn request(&self, idle: bool) {
        if idle {
            self.lock().idle += 1;
        } else {
            self.due.store(true, Relaxed);
        }
    }

    /// For the hart: what to sample if it is to take one now. Only the first call after a request says so.
    #[must_use]
    pub fn take_request(&self) -> Option<Wish> {
        if !self.due.load(Relaxed) {
            return None;
        }
        self.due.store(false, Relaxed);
        self.lock().wish
    }

    /// For the hart: keep `sample`.
    pub fn push(&self, sample: Sample) {
        let mut ring = self.lock();
        if ring.wish.is_none() {
            return;
        }
        if ring.samples.len() == CAPACITY {
            ring.samples.pop_front();
            ring.lost += 1;
        }
        ring.samples.push_back(sample);
    }

    /// Take at most `limit` samples, the oldest first.
    #[must_use]
    pub fn read(&self, limit: usize) -> Record {
        let mut ring = self.lock();
        let count = ring.samples.len().min(limit);
        let samples = ring.samples.drain(..count).collect();
        Record { samples, lost: ring.lost, idle: ring.idle }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(pc: u64) -> Sample {
        Sample { time: 0, privilege: Privilege::User, satp: 0, pc, ra: None, frames: Vec::new(), task: None }
    }

    #[test]
    fn a_full_ring_loses_the_oldest_and_counts_them() {
        let sampler = Sampler::default();
        sampler.start(Wish::default());
        (0..CAPACITY as u64 + 3).for_each(|pc| sampler.push(sample(pc)));
        let first = sampler.read(2);
        assert_eq!((first.samples[0].pc, first.samples[1].pc, first.lost), (3, 4, 3));
        assert_eq!(sampler.read(usize::MAX).samples.len(), CAPACITY - 2);
    }

    #[test]
    fn one_request_is_one_sample_and_none_after_the_stop() {
        let sampler = Sampler::default();
        assert_eq!(sampler.take_request(), None);
        sampler.start(Wish { task_name: Some(8) });
        sampler.request(false);
        assert_eq!(sampler.take_request(), Some(Wish { task_name: Some(8) }));
        assert_eq!(sampler.take_request(), None);
        sampler.request(true);
        assert_eq!((sampler.take_request(), sampler.read(1).idle), (None, 1));
        sampler.request(false);
        sampler.stop();
        sampler.push(sample(1));
        assert_eq!((sampler.take_request(), sampler.read(1).samples), (None, Vec::new()));
    }
}
