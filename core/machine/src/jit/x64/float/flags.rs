//! Reading and writing `fflags` while the unit is armed: what comparisons are surrounded with that must not raise anything.

use dynasm::dynasm;
use dynasmrt::DynasmApi;

use super::super::registers::{field, RAX, RCX};
use super::Emitter;
use crate::hart::layout;
use crate::isa::privileged::{CSRRC, CSRRCI, CSRRS, CSRRSI, CSRRW};
use crate::isa::{Op, SINK};

impl Emitter<'_> {
    /// Write `op` if it is `frflags` or `fsflags`.
    pub(super) fn float_flags(&mut self, op: &Op) -> bool {
        if op.imm != i32::from(layout::FFLAGS_NUMBER) {
            return false;
        }
        match op.id {
            CSRRS | CSRRC | CSRRSI | CSRRCI if op.rs1 == 0 => {
                self.arm();
                self.read_flags();
            }
            CSRRW => {
                self.arm();
                if op.rd != SINK {
                    self.read_flags();
                }
                self.load(op.rs1, RCX);
                dynasm!(self.asm
                    ; .arch x64
                    ; and ecx, BYTE 31
                    ; mov [rbp + field(layout::FFLAGS)], cl
                    ; ldmxcsr [rbp + field(layout::CLEAR_MXCSR)]
                );
            }
            _ => return false,
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
            ; or al, [rbp + field(layout::FFLAGS)]
        );
    }
}
