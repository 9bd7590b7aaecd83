//! Exceptions, entry into trap handlers and return from them.
//!
//! Source: privileged specification, "Machine Cause Register", "Trap-Return Instructions", "Machine Trap Delegation Registers".

use super::atomic::Reservation;
use super::csr::status;
use super::{Flow, Hart, Privilege};
use crate::power::Exit;

/// Synchronous causes, as in `mcause`.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Cause {
    FetchMisaligned = 0,
    FetchAccess = 1,
    Illegal = 2,
    Breakpoint = 3,
    LoadMisaligned = 4,
    LoadAccess = 5,
    StoreMisaligned = 6,
    StoreAccess = 7,
    UserCall = 8,
    SupervisorCall = 9,
    MachineCall = 11,
    FetchPage = 12,
    LoadPage = 13,
    StorePage = 15,
}

/// A synchronous exception.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exception {
    /// Why.
    pub cause: Cause,
    /// What goes to `mtval`. The run loop puts the instruction's bits here for [`Cause::Illegal`].
    pub tval: u64,
}

impl Exception {
    /// An exception about `tval`.
    #[must_use]
    pub const fn new(cause: Cause, tval: u64) -> Self {
        Self { cause, tval }
    }

    /// Illegal instruction.
    #[must_use]
    pub const fn illegal() -> Self {
        Self::new(Cause::Illegal, 0)
    }

    /// `ebreak` at `pc`.
    #[must_use]
    pub const fn breakpoint(pc: u64) -> Self {
        Self::new(Cause::Breakpoint, pc)
    }
}

/// `mcause` bit of interrupts.
const INTERRUPT: u64 = 1 << 63;

impl Hart {
    /// Enter the handler of `exception`, which the instruction at `pc` raised.
    pub(super) fn take_exception(&mut self, pc: u64, exception: Exception) {
        let counters = &self.wires.counters;
        let counter = match exception.cause {
            Cause::UserCall | Cause::SupervisorCall | Cause::MachineCall => &counters.ecalls,
            Cause::FetchPage | Cause::LoadPage | Cause::StorePage => &counters.page_faults,
            _ => &counters.exceptions,
        };
        counter.add(1);
        self.take(pc, exception.cause as u64, exception.tval, self.csr.medeleg, false);
    }

    /// Enter the handler of interrupt number `bit` instead of executing the instruction at `pc`.
    pub(super) fn take_interrupt(&mut self, pc: u64, bit: u64) {
        self.wires.counters.interrupts.add(1);
        self.take(pc, bit, 0, self.csr.mideleg, true);
    }

    fn take(&mut self, pc: u64, code: u64, tval: u64, delegated: u64, interrupt: bool) {
        self.reservation = Reservation::NONE;
        let cause = code | if interrupt { INTERRUPT } else { 0 };
        let from = self.privilege;
        let csr = &mut self.csr;
        let vector = if from <= Privilege::Supervisor && delegated >> code & 1 == 1 {
            csr.sepc = pc;
            csr.scause = cause;
            csr.stval = tval;
            csr.mstatus = status::enter_supervisor(csr.mstatus, from);
            self.privilege = Privilege::Supervisor;
            csr.stvec
        } else {
            if self.platform.builtin_sbi {
                let text = format!("hart {}: trap {cause:#x} at {pc:#x} (value {tval:#x}) has no handler", self.id);
                self.platform.end(Exit::Fault(text));
            }
            csr.mepc = pc;
            csr.mcause = cause;
            csr.mtval = tval;
            csr.mstatus = status::enter_machine(csr.mstatus, from);
            self.privilege = Privilege::Machine;
            csr.mtvec
        };
        let vectored = interrupt && vector & 1 == 1;
        self.pc = (vector & !3).wrapping_add(if vectored { 4 * code } else { 0 });
        self.update_views();
    }

    /// `ecall` at `pc`.
    pub(crate) fn environment_call(&mut self, pc: u64) -> Result<Flow, Exception> {
        let cause = match self.privilege {
            Privilege::User => Cause::UserCall,
            Privilege::Supervisor if self.platform.builtin_sbi => {
                self.wires.counters.sbi_calls.add(1);
                return Ok(crate::sbi::call(self, pc));
            }
            Privilege::Supervisor => Cause::SupervisorCall,
            Privilege::Machine => Cause::MachineCall,
        };
        Err(Exception::new(cause, 0))
    }

    /// `sret`.
    pub(crate) fn return_from_supervisor(&mut self) -> Result<Flow, Exception> {
        let trapped = self.privilege == Privilege::Supervisor && self.csr.mstatus & status::TSR != 0;
        if self.privilege < Privilege::Supervisor || trapped {
            return Err(Exception::illegal());
        }
        let (mstatus, to) = status::leave_supervisor(self.csr.mstatus);
        Ok(self.return_to(mstatus, to, self.csr.sepc))
    }

    /// `mret`.
    pub(crate) fn return_from_machine(&mut self) -> Result<Flow, Exception> {
        if self.privilege < Privilege::Machine {
            return Err(Exception::illegal());
        }
        let (mstatus, to) = status::leave_machine(self.csr.mstatus);
        Ok(self.return_to(mstatus, to, self.csr.mepc))
    }

    fn return_to(&mut self, mstatus: u64, to: Privilege, pc: u64) -> Flow {
        self.wires.counters.returns.add(1);
        self.reservation = Reservation::NONE;
        self.csr.mstatus = mstatus;
        self.privilege = to;
        self.next_pc = pc;
        self.update_views();
        self.recheck = true;
        Flow::Jump
    }
}
