//! Control and status registers: who may access which, and how the instructions do it.
//!
//! Source: privileged specification, "CSR Listing"; unprivileged specification, "Zicsr". Values live in [`Csrs`];
//! `read.rs` and `write.rs` give each number its meaning.

mod counter;
pub(crate) mod number;
pub(crate) mod plain;
mod read;
pub(crate) mod status;
mod write;

use super::{Exception, Flow, Hart, Privilege};
use crate::irq::interrupt;
use crate::isa::{Op, SINK};

/// Fields of `menvcfg` and `senvcfg`.
pub(crate) mod envcfg {
    pub const FIOM: u64 = 1;
    pub const CBIE: u64 = 0b11 << 4;
    pub const CBCFE: u64 = 1 << 6;
    pub const CBZE: u64 = 1 << 7;
    pub const ADUE: u64 = 1 << 61;
    pub const STCE: u64 = 1 << 63;
    pub const USER: u64 = FIOM | CBIE | CBCFE | CBZE;
    pub const MACHINE: u64 = USER | ADUE | STCE;
}

/// Fields of `satp`.
pub(super) mod satp {
    pub const SV39: u64 = 8;
    pub const SV48: u64 = 9;
    pub const PPN: u64 = (1 << 44) - 1;
}

/// Interrupts that S-mode may be given.
const SUPERVISOR_INTERRUPTS: u64 = 1 << interrupt::SSI | 1 << interrupt::STI | 1 << interrupt::SEI;
const MACHINE_INTERRUPTS: u64 = 1 << interrupt::MSI | 1 << interrupt::MTI | 1 << interrupt::MEI;
/// Exceptions that S-mode may be given: all but the calls from S and M mode, and the reserved ones.
const DELEGABLE: u64 = 0xb1ff;

/// Register values as they are stored. Bits that are computed when read (pending wires, SD) are not here.
pub(super) struct Csrs {
    pub mstatus: u64,
    pub medeleg: u64,
    pub mideleg: u64,
    pub mie: u64,
    /// Pending bits that software wrote.
    pub mip: u64,
    pub mtvec: u64,
    pub mcounteren: u64,
    pub mcountinhibit: u64,
    pub menvcfg: u64,
    pub mscratch: u64,
    pub mepc: u64,
    pub mcause: u64,
    pub mtval: u64,
    pub stvec: u64,
    pub scounteren: u64,
    pub senvcfg: u64,
    pub sscratch: u64,
    pub sepc: u64,
    pub scause: u64,
    pub stval: u64,
    pub stimecmp: u64,
    pub satp: u64,
    pub fflags: u8,
    pub frm: u8,
    pub cycle: counter::Counter,
    pub instret: counter::Counter,
}

impl Csrs {
    /// Values after reset.
    pub fn new() -> Self {
        Self {
            mstatus: status::RESET,
            medeleg: 0,
            mideleg: 0,
            mie: 0,
            mip: 0,
            mtvec: 0,
            mcounteren: 0,
            mcountinhibit: 0,
            // As on QEMU's board: kernels that run without firmware, such as xv6, leave the A and D bits to the hardware.
            menvcfg: envcfg::ADUE,
            mscratch: 0,
            mepc: 0,
            mcause: 0,
            mtval: 0,
            stvec: 0,
            scounteren: 0,
            senvcfg: 0,
            sscratch: 0,
            sepc: 0,
            scause: 0,
            stval: 0,
            stimecmp: u64::MAX,
            satp: 0,
            fflags: 0,
            frm: 0,
            cycle: counter::Counter::default(),
            instret: counter::Counter::default(),
        }
    }

    /// What firmware sets up before it enters a kernel: everything goes to S-mode but its calls.
    pub fn delegate_all(&mut self) {
        self.medeleg = DELEGABLE;
        self.mideleg = SUPERVISOR_INTERRUPTS;
        self.mcounteren = u64::from(u32::MAX);
        // Linux leaves it as firmware set it, and its vDSO reads `time` in U-mode.
        self.scounteren = 0b111;
        self.menvcfg = envcfg::MACHINE & !envcfg::FIOM;
    }

    /// Translation off and interrupts held back, as after reset and on entry from the firmware.
    pub fn quiesce(&mut self) {
        self.satp = 0;
        self.mstatus &= !(status::SIE | status::MIE | status::MPRV);
    }
}

impl Hart {
    /// `csrrw` and `csrrwi` with the new `value`.
    pub(crate) fn csr_swap(&mut self, o: &Op, value: u64) -> Result<Flow, Exception> {
        let number = o.imm as u16;
        self.check_csr(number, true)?;
        // Without destination the register is not read: reading has no side effects here, but may be illegal.
        let old = if o.rd == SINK { 0 } else { self.read_csr(number)? };
        self.write_csr(number, value)?;
        self.set_x(o.rd, old);
        Ok(Flow::Next)
    }

    /// `csrrs`, `csrrc` and their immediate forms: the new value is `f(old, bits)`.
    pub(crate) fn csr_modify(&mut self, o: &Op, bits: u64, f: impl FnOnce(u64, u64) -> u64) -> Result<Flow, Exception> {
        let number = o.imm as u16;
        let writes = o.rs1 != 0;
        self.check_csr(number, writes)?;
        let old = self.read_csr(number)?;
        if writes {
            // Wires that show in mip must not be latched into the bits that software owns.
            let base = if number == number::MIP { self.csr.mip } else { old };
            self.write_csr(number, f(base, bits))?;
        }
        self.set_x(o.rd, old);
        Ok(Flow::Next)
    }

    fn check_csr(&self, number: u16, writes: bool) -> Result<(), Exception> {
        self.wires.counters.csr_accesses.add(1);
        let lowest = number >> 8 & 3;
        let read_only = number >> 10 == 3;
        if (self.privilege as u16) < lowest || (writes && read_only) {
            return Err(Exception::illegal());
        }
        Ok(())
    }

    fn below_machine(&self) -> bool {
        self.privilege < Privilege::Machine
    }
}
