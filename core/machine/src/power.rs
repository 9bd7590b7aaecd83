//! How a machine ends: the one place where harts, the finisher and SBI say so and where the owner waits.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Why a machine ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The guest powered itself off.
    PowerOff,
    /// The guest asked to be started anew.
    Reboot,
    /// The guest reported failure through the finisher or SBI SRST, with a code.
    Failure(u32),
    /// Every hart waits for an interrupt that can never come.
    Halted,
    /// The owner stopped it.
    Stopped,
    /// The machine itself could not go on; the text says why.
    Fault(String),
}

/// The machine's power switch: the first [`Exit`] wins.
#[derive(Default)]
pub struct Power {
    off: AtomicBool,
    exit: Mutex<Option<Exit>>,
    changed: Condvar,
}

impl Power {
    /// A machine that is on.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// End the machine. The caller also notifies the harts ([`crate::platform::Platform::end`] does both).
    pub fn end(&self, exit: Exit) {
        let mut slot = self.exit.lock().unwrap_or_else(PoisonError::into_inner);
        slot.get_or_insert(exit);
        self.off.store(true, Ordering::Release);
        self.changed.notify_all();
    }

    /// Whether the machine has ended; harts look at this whenever they attend to their wires.
    #[must_use]
    #[inline]
    pub fn is_off(&self) -> bool {
        self.off.load(Ordering::Acquire)
    }

    /// Wait for the end, at most `timeout`.
    #[must_use]
    pub fn wait(&self, timeout: Duration) -> Option<Exit> {
        let slot = self.exit.lock().unwrap_or_else(PoisonError::into_inner);
        let (slot, _) = self
            .changed
            .wait_timeout_while(slot, timeout, |exit| exit.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        slot.clone()
    }
}
