//! Leaving reset.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use super::run::Code;
use super::Hart;
use crate::irq::HartWires;

/// Instructions that a hart is ahead of the others at the most when they leave reset.
const HEAD_START: u64 = 64;
/// How long a hart waits for the others, which may have gone to sleep within their first instructions.
const PATIENCE: Duration = Duration::from_millis(100);
const PAUSE: Duration = Duration::from_micros(50);

impl Hart {
    /// Execute the first instructions and wait until the other harts have executed theirs. `false` when the machine is off.
    ///
    /// On hardware harts leave reset together; our threads may be milliseconds apart. OpenSBI's harts draw lots for who
    /// boots, and one that comes to the draw after the winner is through with its start-up waits for it for ever.
    pub(super) fn leave_reset(&mut self, code: &mut Code, wires: &HartWires) -> bool {
        if !self.attend() {
            return false;
        }
        self.execute(code, wires, HEAD_START);
        wires.left_reset.store(true, Ordering::Release);
        let end = Instant::now() + PATIENCE;
        let left = |w: &std::sync::Arc<HartWires>| w.left_reset.load(Ordering::Acquire);
        while !self.platform.wires.iter().all(left) && Instant::now() < end {
            if self.platform.power.is_off() {
                return false;
            }
            thread::sleep(PAUSE);
        }
        true
    }
}
