//! What all harts of one machine share.

use std::sync::Arc;

use crate::bus::Bus;
use crate::clock::Clock;
use crate::hart::courtesy::Awaited;
use crate::irq::HartWires;
use crate::memory::GuestRam;
use crate::power::{Exit, Power};

/// Where bytes for the machine's console go and come from (UART, SBI DBCN and legacy console).
pub trait Console: Send + Sync {
    /// Bytes from the guest.
    fn output(&self, bytes: &[u8]);
    /// The next byte for the guest, if there is one.
    fn input(&self) -> Option<u8>;
}

/// The board around the harts.
pub struct Platform {
    /// RAM.
    pub ram: Arc<GuestRam>,
    /// Memory-mapped devices.
    pub bus: Bus,
    /// Wires of hart `i` at index `i`.
    pub wires: Vec<Arc<HartWires>>,
    /// Time base.
    pub clock: Clock,
    /// Power switch.
    pub power: Arc<Power>,
    /// Console, for the built-in SBI.
    pub console: Arc<dyn Console>,
    /// Fences that somebody waits for.
    pub awaited: Awaited,
    /// Whether `ecall` from S-mode is answered by the built-in SBI rather than by M-mode code of the guest.
    pub builtin_sbi: bool,
    /// Whether harts may translate hot code to the host's; else they interpret all of it.
    pub translate: bool,
    /// Whether harts may map the guest's memory at its virtual addresses, for translated code ([`crate::vpagetable`]).
    pub windows: bool,
}

impl Platform {
    /// End the machine and wake every hart so that it sees it.
    pub fn end(&self, exit: Exit) {
        self.power.end(exit);
        for wires in &self.wires {
            wires.notify();
        }
    }
}
