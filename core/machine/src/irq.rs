//! Wires into a hart, and the wire from a device to its interrupt controller.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use crate::counters::HartCounters;
use crate::hart::mailbox::Mailbox;
use crate::sampler::Sampler;

/// An interrupt wire out of a device.
pub trait IrqLine: Send + Sync {
    /// Drive the wire. A device drives it high again at each new event, for the controller forgets a claimed one.
    fn set(&self, level: bool);
}

/// Bit numbers of `mip`/`mie` (privileged specification, "Machine Interrupt Registers").
pub mod interrupt {
    /// Supervisor software interrupt.
    pub const SSI: u64 = 1;
    /// Machine software interrupt.
    pub const MSI: u64 = 3;
    /// Supervisor timer interrupt.
    pub const STI: u64 = 5;
    /// Machine timer interrupt.
    pub const MTI: u64 = 7;
    /// Supervisor external interrupt.
    pub const SEI: u64 = 9;
    /// Machine external interrupt.
    pub const MEI: u64 = 11;
}

/// What the outside may do to one hart: drive its interrupt wires, set its machine timer, ask for its attention.
///
/// The hart polls [`HartWires::attention`] at bounded intervals and sleeps in [`HartWires::park`].
#[derive(Debug)]
pub struct HartWires {
    /// Interrupt wires, bits as in `mip`. SSIP set by software lies in the hart's own `mip`; an IPI through SBI raises it here.
    pending: AtomicU64,
    /// `mtimecmp` of the CLINT, ticks.
    mtimecmp: AtomicU64,
    attention: AtomicBool,
    sleeping: Mutex<bool>,
    wake: Condvar,
    /// Requests of other harts.
    pub mailbox: Mailbox,
    /// Instructions that the hart has retired, as of its last look at its wires: a measure of progress.
    pub retired: AtomicU64,
    /// What else the hart counts.
    pub counters: HartCounters,
    /// Samples for a profiler.
    pub sampler: Sampler,
    /// Whether the hart has executed its first instructions after reset.
    pub left_reset: AtomicBool,
}

impl HartWires {
    /// Wires at rest: nothing pending, the timer never due.
    #[must_use]
    pub fn new() -> Self {
        Self {
            pending: AtomicU64::new(0),
            mtimecmp: AtomicU64::new(u64::MAX),
            attention: AtomicBool::new(false),
            sleeping: Mutex::new(false),
            wake: Condvar::new(),
            mailbox: Mailbox::new(),
            retired: AtomicU64::new(0),
            counters: HartCounters::default(),
            sampler: Sampler::default(),
            left_reset: AtomicBool::new(false),
        }
    }

    /// Interrupt bits that are driven from outside.
    #[must_use]
    #[inline]
    pub fn pending(&self) -> u64 {
        self.pending.load(Ordering::Acquire)
    }

    /// Where the bits of [`HartWires::pending`] lie.
    #[must_use]
    pub fn pending_address(&self) -> usize {
        (&raw const self.pending).expose_provenance()
    }

    /// Drive interrupt `bit` (a number from [`interrupt`]) to `level`; a rising wire gets the hart's attention.
    pub fn set(&self, bit: u64, level: bool) {
        if level {
            if self.pending.fetch_or(1 << bit, Ordering::AcqRel) & (1 << bit) == 0 {
                self.notify();
            }
        } else {
            self.pending.fetch_and(!(1 << bit), Ordering::AcqRel);
        }
    }

    /// The machine timer's deadline, ticks.
    #[must_use]
    #[inline]
    pub fn mtimecmp(&self) -> u64 {
        self.mtimecmp.load(Ordering::Acquire)
    }

    /// Set the machine timer's deadline, ticks, and have the hart look at it.
    pub fn set_mtimecmp(&self, ticks: u64) {
        self.mtimecmp.store(ticks, Ordering::Release);
        self.notify();
    }

    /// Ask the hart to look at its wires, timers and mail, waking it if it sleeps.
    pub fn notify(&self) {
        self.attention.store(true, Ordering::SeqCst);
        let sleeping = self.sleeping.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if *sleeping {
            self.wake.notify_one();
        }
    }

    /// Ask the hart for a sample of what it executes. A hart that sleeps is not woken for it.
    pub fn request_sample(&self) {
        let sleeping = self.sleeping.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.sampler.request(*sleeping);
        if !*sleeping {
            self.attention.store(true, Ordering::SeqCst);
        }
    }

    /// Whether somebody asked for attention; cheap enough for every basic block.
    #[must_use]
    #[inline]
    pub fn attention(&self) -> bool {
        self.attention.load(Ordering::Relaxed)
    }

    /// Take the request for attention: the hart calls this before it looks at its wires, so that no later request is lost.
    pub fn take_attention(&self) -> bool {
        self.attention.swap(false, Ordering::SeqCst)
    }

    /// Sleep until somebody asks for attention or `timeout` passes (`None`: for ever). Returns at once when attention is already asked for.
    pub fn park(&self, timeout: Option<Duration>) {
        let mut sleeping = self.sleeping.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *sleeping = true;
        let idle = |_: &mut bool| !self.attention.load(Ordering::SeqCst);
        sleeping = match timeout {
            None => self.wake.wait_while(sleeping, idle).unwrap_or_else(std::sync::PoisonError::into_inner),
            Some(limit) => {
                self.wake.wait_timeout_while(sleeping, limit, idle).unwrap_or_else(std::sync::PoisonError::into_inner).0
            }
        };
        *sleeping = false;
    }
}

impl Default for HartWires {
    fn default() -> Self {
        Self::new()
    }
}
