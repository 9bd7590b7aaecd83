//! Reading the floating-point CSRs and writing `fflags` while the unit is armed: what comparisons are surrounded with
//! that must not raise anything, and functions that ask for the rounding mode.
//!
//! That the host raises a flag which was clear, and is asked for its flags thereafter, takes it a hundred cycles. So
//! those of MXCSR are always all of the guest's: what it sets again need not be raised again.

use dynasm::dynasm;
use dynasmrt::DynasmApi;

use super::super::registers::{field, RAX, RCX};
use super::Emitter;
use crate::hart::layout;
use crate::isa::privileged::{CSRRC, CSRRCI, CSRRS, CSRRSI, CSRRW};
use crate::isa::{Op, SINK};

/// Whether there is code for `op` here.
pub fn is_state(op: &Op) -> bool {
    let reads = [CSRRS, CSRRC, CSRRSI, CSRRCI].contains(&op.id) && op.rs1 == 0;
    match u16::try_from(op.imm) {
        Ok(layout::FFLAGS_NUMBER) => reads || op.id == CSRRW,
        Ok(layout::FRM_NUMBER | layout::FCSR_NUMBER) => reads,
        _ => false,
    }
}

impl Emitter<'_> {
    /// Write `op` if it is one of these.
    pub(super) fn float_state(&mut self, op: &Op) -> bool {
        if !is_state(op) {
            return false;
        }
        self.arm();
        match op.imm as u16 {
            layout::FRM_NUMBER => dynasm!(self.asm; .arch x64; movzx eax, BYTE [rbp + field(layout::FRM)]),
            layout::FCSR_NUMBER => {
                self.read_flags();
                dynasm!(self.asm; .arch x64; movzx ecx, BYTE [rbp + field(layout::FRM)]; shl ecx, BYTE 5; or eax, ecx);
            }
            _ if op.id != CSRRW || op.rd != SINK => self.read_flags(),
            _ => {}
        }
        if op.id == CSRRW {
            self.write_flags(op);
        }
        self.write(op.rd, RAX);
        true
    }

    /// `fflags` = rs1. Leaves `rax` alone.
    fn write_flags(&mut self, op: &Op) {
        self.load(op.rs1, RCX);
        dynasm!(self.asm
            ; .arch x64
            ; and ecx, BYTE 31
            ; movzx ecx, BYTE [rbp + rcx + field(layout::RAISED)]
            ; or ecx, [rbp + field(layout::CLEAR_MXCSR)]
            ; mov [rbp + field(layout::GUEST_MXCSR)], ecx
            ; ldmxcsr [rbp + field(layout::GUEST_MXCSR)]
        );
    }

    /// `rax` = `fflags`.
    fn read_flags(&mut self) {
        dynasm!(self.asm
            ; .arch x64
            ; stmxcsr [rbp + field(layout::GUEST_MXCSR)]
            ; mov eax, [rbp + field(layout::GUEST_MXCSR)]
            ; and eax, BYTE 63
            ; movzx eax, BYTE [rbp + rax + field(layout::ACCRUED)]
        );
    }
}
