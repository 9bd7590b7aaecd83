//! What each CSR reads as.

use super::number as n;
use super::{envcfg, status, Privilege, SUPERVISOR_INTERRUPTS};
use crate::hart::csr::status::TVM;
use crate::hart::{Exception, Hart};

/// RV64, extensions A, B, C, D, F, I, M, S, U.
const MISA: u64 = 2 << 62 | 1 << 20 | 1 << 18 | 1 << 12 | 1 << 8 | 1 << 5 | 1 << 3 | 1 << 2 | 1 << 1 | 1;

impl Hart {
    /// Read CSR `number`, the privilege that its number asks for having been checked.
    pub(super) fn read_csr(&self, number: u16) -> Result<u64, Exception> {
        let c = &self.csr;
        Ok(match number {
            n::FFLAGS | n::FRM | n::FCSR => {
                self.require_float()?;
                match number {
                    n::FFLAGS => u64::from(c.fflags),
                    n::FRM => u64::from(c.frm),
                    _ => u64::from(c.frm) << 5 | u64::from(c.fflags),
                }
            }
            n::CYCLE..=n::HPMCOUNTER31 => self.read_user_counter(number)?,

            n::SSTATUS => status::read_supervisor(c.mstatus),
            n::SIE => c.mie & c.mideleg,
            n::STVEC => c.stvec,
            n::SCOUNTEREN => c.scounteren,
            n::SENVCFG => c.senvcfg,
            n::SSCRATCH => c.sscratch,
            n::SEPC => c.sepc,
            n::SCAUSE => c.scause,
            n::STVAL => c.stval,
            n::SIP => self.pending() & c.mideleg & SUPERVISOR_INTERRUPTS,
            n::STIMECMP => {
                self.require_stimecmp()?;
                c.stimecmp
            }
            n::SATP => {
                self.require_satp()?;
                c.satp
            }

            n::MSTATUS => status::read(c.mstatus),
            n::MISA => MISA,
            n::MEDELEG => c.medeleg,
            n::MIDELEG => c.mideleg,
            n::MIE => c.mie,
            n::MTVEC => c.mtvec,
            n::MCOUNTEREN => c.mcounteren,
            n::MCOUNTINHIBIT => c.mcountinhibit,
            n::MENVCFG => c.menvcfg,
            n::MSCRATCH => c.mscratch,
            n::MEPC => c.mepc,
            n::MCAUSE => c.mcause,
            n::MTVAL => c.mtval,
            n::MIP => self.pending(),
            n::PMPCFG0..=n::PMPCFG15 => self.pmp.read_config(number - n::PMPCFG0).ok_or(Exception::illegal())?,
            n::PMPADDR0..=n::PMPADDR63 => self.pmp.read_address(usize::from(number - n::PMPADDR0)),
            n::MCYCLE => c.cycle.read(self.retired),
            n::MINSTRET => c.instret.read(self.retired),
            n::MHPMCOUNTER3..=n::MHPMCOUNTER31 | n::MHPMEVENT3..=n::MHPMEVENT31 => 0,
            n::MHARTID => self.id as u64,
            n::MVENDORID | n::MARCHID | n::MIMPID | n::MCONFIGPTR => 0,
            _ => return Err(Exception::illegal()),
        })
    }

    /// `cycle`, `time`, `instret` and `hpmcounter`s, as far as `mcounteren` and `scounteren` let them be read.
    fn read_user_counter(&self, number: u16) -> Result<u64, Exception> {
        let bit = 1u64 << (number & 31);
        let by_machine = !self.below_machine() || self.csr.mcounteren & bit != 0;
        let by_supervisor = self.privilege != Privilege::User || self.csr.scounteren & bit != 0;
        if !by_machine || !by_supervisor {
            return Err(Exception::illegal());
        }
        Ok(match number {
            n::CYCLE => self.csr.cycle.read(self.retired),
            n::TIME => self.platform.clock.now(),
            n::INSTRET => self.csr.instret.read(self.retired),
            _ => 0,
        })
    }

    /// Sstc: `stimecmp` needs `menvcfg.STCE`, and from S-mode `mcounteren.TM`.
    pub(super) fn require_stimecmp(&self) -> Result<(), Exception> {
        let allowed = self.csr.menvcfg & envcfg::STCE != 0 && self.csr.mcounteren & 2 != 0;
        if self.below_machine() && !allowed {
            return Err(Exception::illegal());
        }
        Ok(())
    }

    /// `satp` is out of S-mode's reach while `mstatus.TVM` is set.
    pub(super) fn require_satp(&self) -> Result<(), Exception> {
        if self.privilege == Privilege::Supervisor && self.csr.mstatus & TVM != 0 {
            return Err(Exception::illegal());
        }
        Ok(())
    }
}
