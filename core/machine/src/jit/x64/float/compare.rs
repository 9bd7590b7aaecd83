//! Comparisons, minima and maxima.

use dynasm::dynasm;
use dynasmrt::{DynasmApi, DynasmLabelApi};

use super::operands::{compare, scalar};
use super::pins::{place, Place, X14, X15};
use super::{either, rv64d, rv64f, Current, Emitter, Op, Width};

/// Whether `op` is one of these.
pub(super) fn is_inline(op: &Op) -> bool {
    is_selection(op) || either!(op, FEQ_S / FEQ_D, FLT_S / FLT_D, FLE_S / FLE_D)
}

fn is_selection(op: &Op) -> bool {
    either!(op, FMIN_S / FMIN_D, FMAX_S / FMAX_D)
}

impl Emitter<'_> {
    /// Write the operation if it is one of these.
    pub(super) fn comparison(&mut self, current: Current) -> bool {
        let Current { op: o, width, .. } = current;
        if !is_inline(&o) {
            return false;
        }
        self.require(o.rs1, width);
        self.require(o.rs2, width);
        if is_selection(&o) {
            self.selection(current);
            return true;
        }
        // The condition "above" is false when one is a NaN, "equal" is true.
        match o.id {
            rv64f::FEQ_S | rv64d::FEQ_D => {
                let a = self.float_read(o.rs1, X14);
                compare!(self, width, vucomisd / vucomiss, a, place(o.rs2));
                dynasm!(self.asm; .arch x64; sete al; setnp cl; and al, cl);
            }
            rv64f::FLT_S | rv64d::FLT_D => {
                let b = self.float_read(o.rs2, X14);
                compare!(self, width, vcomisd / vcomiss, b, place(o.rs1));
                dynasm!(self.asm; .arch x64; seta al);
            }
            _ => {
                let b = self.float_read(o.rs2, X14);
                compare!(self, width, vcomisd / vcomiss, b, place(o.rs1));
                dynasm!(self.asm; .arch x64; setae al);
            }
        }
        let target = self.target(o.rd);
        dynasm!(self.asm; .arch x64; movzx Rd(target), al);
        self.write(o.rd, target);
        true
    }

    /// rd = the lesser or greater of rs1 and rs2. NaNs are left to the row; of equal numbers, which may be the two
    /// zeros, the one with the right sign is made of both.
    fn selection(&mut self, current: Current) {
        let Current { op: o, width, .. } = current;
        let least = either!(o, FMIN_S / FMIN_D);
        let (equal, back) = (self.asm.new_dynamic_label(), self.asm.new_dynamic_label());
        let (a, b) = (self.float_read(o.rs1, X14), self.float_read(o.rs2, X15));
        let target = self.float_target(o.rd);
        compare!(self, width, vucomisd / vucomiss, a, Place::Host(b));
        dynasm!(self.asm; .arch x64; jp =>current.row; je =>equal);
        if least {
            scalar!(self, width, vminsd / vminss, target, a, Place::Host(b));
        } else {
            scalar!(self, width, vmaxsd / vmaxss, target, a, Place::Host(b));
        }
        dynasm!(self.asm; .arch x64; =>back);
        self.cold(move |e| {
            dynasm!(e.asm; .arch x64; =>equal);
            if least {
                dynasm!(e.asm; .arch x64; vorpd Rx(target), Rx(a), Rx(b));
            } else {
                dynasm!(e.asm; .arch x64; vandpd Rx(target), Rx(a), Rx(b));
            }
            dynasm!(e.asm; .arch x64; jmp =>back);
        });
        self.float_write(o.rd, target, width);
    }
}
