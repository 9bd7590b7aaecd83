//! Reading and writing `fflags` while the unit is armed: what comparisons are surrounded with that must not raise anything.
//!
//! That the host raises a flag which was clear, and is asked for its flags thereafter, takes it a hundred cycles. So those of MXCSR
//! are always all of the guest's: what it sets again need not be raised again.

use dynasm::dynasm;
use dynasmrt::DynasmApi;

use super::super::registers::{field, RAX, RCX};
use super::Emitter;
use crate::hart::layout;
use crate::isa::privileged::{CSRRC, CSRRCI, CSRRS, CSRRSI, CSRRW};
use crate::isa::{Op, SINK};

/// Whether `op` is `frflags` or `fsflags`.
pub fn is_flags(op: &Op) -> bool {
    let reads = [CSRRS, CSRRC, CSRRSI, CSRRCI].contains(&op.id) && op.rs1 == 0;
    op.imm == i32::from(layout::FFLAGS_NUMBER) && (reads || op.id == CSRRW)
}

impl Emitter<'_> {
    /// Write `op` if it is `frflags` or `fsflags`.
    pub(super) fn float_flags(&mut self, op: &Op) -> bool {
        if !is_flags(op) {
            return false;
        }
        self.arm();
        match op.id {
            CSRRW => {
                if op.rd != SINK {
                    self.read_flags();
                }
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
            _ => self.read_flags(),
        }
        self.write(op.rd, RAX);
        true
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
