//! Sleeping: WFI, and a hart that has not been started.

use super::csr::status;
use super::mailbox::{state, Start};
use super::{Exception, Flow, Hart, Privilege};
use crate::irq::interrupt::{MEI, MTI, SEI, STI};
use crate::irq::HartWires;
use crate::power::Exit;

impl Hart {
    /// `wfi`: sleep until an interrupt is pending that `mie` lets through.
    pub(crate) fn wait_for_interrupt(&mut self) -> Result<Flow, Exception> {
        let trapped = self.privilege == Privilege::Supervisor && self.csr.mstatus & status::TW != 0;
        if self.privilege == Privilege::User || trapped {
            return Err(Exception::illegal());
        }
        self.sleep();
        Ok(Flow::Next)
    }

    /// Sleep until an interrupt is pending that `mie` lets through, or the machine is off.
    pub(crate) fn sleep(&mut self) {
        self.wires.retired.store(self.retired, std::sync::atomic::Ordering::Relaxed);
        self.wires.counters.sleeps.add(1);
        loop {
            self.read_mail();
            self.update_timers();
            if self.platform.power.is_off() || self.pending() & self.csr.mie != 0 {
                break;
            }
            let deadline = self.deadline();
            let external = self.csr.mie & (1 << SEI | 1 << MEI) != 0;
            let hopeless = deadline == u64::MAX && !external;
            if hopeless {
                self.wires.mailbox.set_hopeless(true);
                self.end_if_halted();
            }
            let timeout = (deadline != u64::MAX).then(|| self.platform.clock.until(deadline));
            self.park(timeout);
            self.wires.mailbox.set_hopeless(false);
        }
        self.recheck = true;
    }

    /// Park the thread. Fences that other harts ask for meanwhile are done before this returns.
    pub(crate) fn park(&mut self, timeout: Option<std::time::Duration>) {
        if self.wires.mailbox.begin_rest() {
            self.platform.ram.writes().rest(self.id);
            self.wires.park(timeout);
        }
        self.end_rest();
    }

    /// From now on other harts have to ask; do what they asked for before.
    pub(super) fn end_rest(&mut self) {
        self.resume_stores();
        for what in self.wires.mailbox.end_rest() {
            self.apply(what);
        }
    }

    /// End the machine when no hart is left that could do anything. A hart that sleeps without hope clears the flag before
    /// it takes the attention that it was asked for: so look at them the other way round.
    fn end_if_halted(&self) {
        // Without HSM a hart that is stopped has only not been started yet.
        let hsm = self.platform.builtin_sbi;
        let dead =
            |w: &std::sync::Arc<HartWires>| (hsm && w.mailbox.is_dead()) || (!w.attention() && w.mailbox.is_hopeless());
        if self.platform.wires.iter().all(dead) {
            self.platform.end(Exit::Halted);
        }
    }

    /// The nearest time at which a timer interrupt that is enabled becomes pending, ticks.
    fn deadline(&self) -> u64 {
        let machine = if self.csr.mie >> MTI & 1 == 1 { self.wires.mtimecmp() } else { u64::MAX };
        let supervisor = if self.csr.mie >> STI & 1 == 1 { self.supervisor_deadline() } else { u64::MAX };
        machine.min(supervisor)
    }

    /// Wait until HSM starts this hart. `false` when the machine is off.
    pub(super) fn await_start(&mut self) -> bool {
        while self.wires.mailbox.is_stopped() {
            self.read_mail();
            if self.platform.power.is_off() {
                return false;
            }
            if let Some(start) = self.wires.mailbox.take_start() {
                (self.csr.mie, self.csr.mip) = (0, 0);
                self.enter(start.pc, self.id as u64, start.opaque, Privilege::Supervisor);
                break;
            }
            self.park(None);
        }
        true
    }

    /// HSM stop: rest until somebody starts this hart again.
    pub(crate) fn stop(&mut self) {
        self.wires.mailbox.set_state(state::STOPPED);
        self.end_if_halted();
        if self.await_start() {
            self.restarted = true;
            self.next_pc = self.pc;
        }
    }

    /// HSM suspend: sleep until an interrupt is pending, then go on, or `resume` elsewhere; the interrupt stays pending.
    pub(crate) fn suspend(&mut self, resume: Option<Start>) {
        self.wires.mailbox.set_state(state::SUSPENDED);
        self.sleep();
        self.wires.mailbox.set_state(state::STARTED);
        if let Some(start) = resume {
            self.enter(start.pc, self.id as u64, start.opaque, Privilege::Supervisor);
            self.restarted = true;
            self.next_pc = self.pc;
        }
    }

    /// Whether the SBI call in progress ended in a start elsewhere: then it has no result to return.
    pub(crate) fn take_restart(&mut self) -> bool {
        std::mem::take(&mut self.restarted)
    }
}
