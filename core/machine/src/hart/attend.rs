//! What a hart does between stretches of execution: mail, timers, interrupts.
//!
//! Source: privileged specification, "Machine Interrupt Registers" (priorities, delegation); "Sstc".

use std::sync::atomic::Ordering;

use super::csr::{envcfg, status};
use super::{Hart, Privilege};
use crate::irq::interrupt::{MEI, MSI, MTI, SEI, SSI, STI};

/// Interrupts by falling priority.
const PRIORITY: [u64; 6] = [MEI, MSI, MTI, SEI, SSI, STI];

impl Hart {
    /// Attend to the outside. `false` when the machine is off.
    pub(super) fn attend(&mut self) -> bool {
        self.wires.retired.store(self.retired, Ordering::Relaxed);
        self.read_mail();
        self.make_way();
        if self.platform.power.is_off() {
            return false;
        }
        self.settle_stores();
        self.update_timers();
        self.accept_interrupt();
        true
    }

    /// Take the request for attention, do what other harts asked for, and latch an IPI.
    pub(crate) fn read_mail(&mut self) {
        if !self.wires.attention() {
            return;
        }
        self.wires.take_attention();
        self.recheck = true;
        if let Some(wish) = self.wires.sampler.take_request() {
            self.wires.sampler.push(self.sample(wish));
        }
        for request in self.wires.mailbox.take_requests() {
            self.apply(request.what);
            request.done(&self.platform);
        }
        if self.wires.pending() >> SSI & 1 == 1 {
            // Software clears SSIP in its own register; the wire only carries the pulse.
            self.wires.set(SSI, false);
            self.csr.mip |= 1 << SSI;
        }
    }

    /// `mip` as it reads: what software wrote, the wires, the timers.
    #[inline]
    pub(super) fn pending(&self) -> u64 {
        const WIRED: u64 = 1 << MSI | 1 << SEI | 1 << MEI;
        self.csr.mip | self.wires.pending() & WIRED | self.timer_pending
    }

    /// Look at the clock when a timer is set.
    pub(super) fn update_timers(&mut self) {
        let machine = self.wires.mtimecmp();
        let supervisor = self.supervisor_deadline();
        let pending = if machine & supervisor == u64::MAX {
            0
        } else {
            let now = self.platform.clock.now();
            u64::from(now >= machine) << MTI | u64::from(now >= supervisor) << STI
        };
        self.recheck |= pending != self.timer_pending;
        self.timer_pending = pending;
    }

    /// `stimecmp`, or never when Sstc is off.
    pub(super) fn supervisor_deadline(&self) -> u64 {
        if self.csr.menvcfg & envcfg::STCE == 0 {
            u64::MAX
        } else {
            self.csr.stimecmp
        }
    }

    /// Enter the handler of the most urgent interrupt that is pending and enabled.
    pub(super) fn accept_interrupt(&mut self) {
        self.recheck = false;
        let ready = self.pending() & self.csr.mie;
        if ready == 0 {
            return;
        }
        let c = &self.csr;
        let machine = self.privilege < Privilege::Machine || c.mstatus & status::MIE != 0;
        let supervisor = self.privilege < Privilege::Supervisor
            || self.privilege == Privilege::Supervisor && c.mstatus & status::SIE != 0;
        let for_machine = if machine { ready & !c.mideleg } else { 0 };
        let for_supervisor = if supervisor { ready & c.mideleg } else { 0 };
        let chosen = if for_machine == 0 { for_supervisor } else { for_machine };
        if let Some(bit) = PRIORITY.into_iter().find(|bit| chosen >> bit & 1 == 1) {
            self.take_interrupt(self.pc, bit);
        }
    }
}
