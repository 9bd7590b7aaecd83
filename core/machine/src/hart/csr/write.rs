//! What writing each CSR does: every field is WARL, so that no value is refused.

use super::number as n;
use super::{envcfg, satp, status, DELEGABLE, MACHINE_INTERRUPTS, SUPERVISOR_INTERRUPTS};
use crate::hart::{Exception, Hart};
use crate::irq::interrupt;

const SSIP: u64 = 1 << interrupt::SSI;
const STIP: u64 = 1 << interrupt::STI;

/// Trap vectors: modes above 1 are reserved and leave the old value.
fn vector(old: u64, new: u64) -> u64 {
    if new & 2 == 0 {
        new
    } else {
        old
    }
}

/// A mode that is not implemented leaves `satp` as it is.
fn address_space(old: u64, new: u64, sv48: bool) -> u64 {
    match new >> 60 {
        0 | satp::SV39 => new,
        satp::SV48 if sv48 => new,
        _ => old,
    }
}

/// `CBIE` of 2 is reserved.
fn environment(old: u64, new: u64, mask: u64) -> u64 {
    let reserved = new & envcfg::CBIE == 2 << 4;
    let mask = if reserved { mask & !envcfg::CBIE } else { mask };
    let kept = if reserved { old & envcfg::CBIE } else { 0 };
    new & mask | kept
}

impl Hart {
    /// Write CSR `number`, the privilege that its number asks for having been checked.
    pub(super) fn write_csr(&mut self, number: u16, value: u64) -> Result<(), Exception> {
        let retired = self.retired;
        let c = &mut self.csr;
        match number {
            n::FFLAGS | n::FRM | n::FCSR => self.write_float_csr(number, value)?,

            n::SSTATUS => self.write_status(status::write_supervisor(self.csr.mstatus, value)),
            n::SIE => {
                c.mie = c.mie & !c.mideleg | value & c.mideleg & SUPERVISOR_INTERRUPTS;
                self.recheck = true;
            }
            n::STVEC => c.stvec = vector(c.stvec, value),
            n::SCOUNTEREN => c.scounteren = value & u64::from(u32::MAX),
            n::SENVCFG => c.senvcfg = environment(c.senvcfg, value, envcfg::USER),
            n::SSCRATCH => c.sscratch = value,
            n::SEPC => c.sepc = value & !1,
            n::SCAUSE => c.scause = value,
            n::STVAL => c.stval = value,
            n::SIP => {
                let mask = SSIP & c.mideleg;
                c.mip = c.mip & !mask | value & mask;
                self.recheck = true;
            }
            n::STIMECMP => {
                self.require_stimecmp()?;
                self.set_stimecmp(value);
            }
            n::SATP => {
                self.require_satp()?;
                // Linux takes what it gets rather than what the device tree says, and windows are for Sv39 alone.
                let sv48 = !self.platform.builtin_sbi;
                self.csr.satp = address_space(self.csr.satp, value, sv48);
                self.update_views();
            }

            n::MSTATUS => self.write_status(status::write(self.csr.mstatus, value)),
            n::MISA => {}
            n::MEDELEG => c.medeleg = value & (DELEGABLE | 1 << 9),
            n::MIDELEG => {
                c.mideleg = value & SUPERVISOR_INTERRUPTS;
                self.recheck = true;
            }
            n::MIE => {
                c.mie = value & (SUPERVISOR_INTERRUPTS | MACHINE_INTERRUPTS);
                self.recheck = true;
            }
            n::MTVEC => c.mtvec = vector(c.mtvec, value),
            n::MCOUNTEREN => c.mcounteren = value & u64::from(u32::MAX),
            n::MCOUNTINHIBIT => {
                c.mcountinhibit = value & 0b101;
                c.cycle.inhibit(retired, value & 1 != 0);
                c.instret.inhibit(retired, value & 4 != 0);
            }
            n::MENVCFG => {
                c.menvcfg = environment(c.menvcfg, value, envcfg::MACHINE);
                if c.menvcfg & envcfg::STCE != 0 {
                    c.mip &= !STIP;
                }
                self.update_timers();
                self.update_views();
            }
            n::MSCRATCH => c.mscratch = value,
            n::MEPC => c.mepc = value & !1,
            n::MCAUSE => c.mcause = value,
            n::MTVAL => c.mtval = value,
            n::MIP => {
                let timer = if c.menvcfg & envcfg::STCE == 0 { STIP } else { 0 };
                let mask = SSIP | timer | 1 << interrupt::SEI;
                c.mip = c.mip & !mask | value & mask;
                self.recheck = true;
            }
            n::PMPCFG0..=n::PMPCFG15 => {
                self.pmp.write_config(number - n::PMPCFG0, value).ok_or(Exception::illegal())?;
                self.pmp_changed();
            }
            n::PMPADDR0..=n::PMPADDR63 => {
                self.pmp.write_address(usize::from(number - n::PMPADDR0), value);
                self.pmp_changed();
            }
            n::MCYCLE => c.cycle.write(retired, value),
            n::MINSTRET => c.instret.write(retired, value),
            n::MHPMCOUNTER3..=n::MHPMCOUNTER31 | n::MHPMEVENT3..=n::MHPMEVENT31 => {}
            _ => return Err(Exception::illegal()),
        }
        Ok(())
    }

    fn write_float_csr(&mut self, number: u16, value: u64) -> Result<(), Exception> {
        self.require_float()?;
        let c = &mut self.csr;
        match number {
            n::FFLAGS => c.fflags = value as u8 & 31,
            n::FRM => c.frm = value as u8 & 7,
            _ => {
                c.fflags = value as u8 & 31;
                c.frm = (value >> 5) as u8 & 7;
            }
        }
        c.mstatus |= status::FS;
        Ok(())
    }

    pub(crate) fn write_status(&mut self, mstatus: u64) {
        let changed = self.csr.mstatus ^ mstatus;
        self.csr.mstatus = mstatus;
        self.recheck = true;
        match changed & (status::MPRV | status::MPP | status::SUM | status::MXR) {
            0 => {}
            status::SUM => self.update_sum(),
            _ => self.update_views(),
        }
    }

    /// Set the deadline of the supervisor timer, ticks.
    pub(crate) fn set_stimecmp(&mut self, ticks: u64) {
        self.csr.stimecmp = ticks;
        self.update_timers();
    }

    /// Translations remember what the PMP said.
    fn pmp_changed(&mut self) {
        self.tlb.flush(None, None);
        self.refetch = true;
    }
}
