//! The board's devices other than virtio. Each answers at its window and writes its own device-tree node.

pub mod clint;
pub mod finisher;
pub mod plic;
pub mod rtc;
pub mod uart;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Lock a device's state. A panic elsewhere must not turn every later access of the guest into one.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
pub(crate) mod testing {
    use std::sync::atomic::{AtomicBool, Ordering};

    use crate::irq::IrqLine;

    /// A wire that remembers its level.
    #[derive(Default)]
    pub struct Wire(AtomicBool);

    impl Wire {
        pub fn level(&self) -> bool {
            self.0.load(Ordering::SeqCst)
        }
    }

    impl IrqLine for Wire {
        fn set(&self, level: bool) {
            self.0.store(level, Ordering::SeqCst);
        }
    }
}
