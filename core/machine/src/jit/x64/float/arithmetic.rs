//! Arithmetic that rounds. The upper half of a single's first operand becomes that of the result: what is boxed stays
//! boxed.

use dynasm::dynasm;
use dynasmrt::{DynasmApi, DynasmLabelApi};

use super::operands::{compare, scalar};
use super::pins::{place, Place, X14, X15};
use super::{either, rounds_like_host, rv64d, rv64f, Current, Emitter, Op, Width};

/// Whether `op` is one of these and there is code for it.
pub(super) fn is_inline(op: &Op) -> bool {
    let sums = either!(op, FADD_S / FADD_D, FSUB_S / FSUB_D, FMUL_S / FMUL_D, FDIV_S / FDIV_D, FSQRT_S / FSQRT_D);
    (sums || is_fused(op)) && rounds_like_host(op)
}

fn is_fused(op: &Op) -> bool {
    either!(op, FMADD_S / FMADD_D, FMSUB_S / FMSUB_D, FNMSUB_S / FNMSUB_D, FNMADD_S / FNMADD_D)
}

impl Emitter<'_> {
    /// Write the operation if it is one of these.
    pub(super) fn arithmetic(&mut self, current: Current) -> bool {
        let Current { op: o, width, .. } = current;
        if !is_inline(&o) {
            return false;
        }
        self.require(o.rs1, width);
        if is_fused(&o) {
            self.require(o.rs3, width);
        }
        if !either!(o, FSQRT_S / FSQRT_D) {
            self.require(o.rs2, width);
        }
        self.require_rounding(current);
        if is_fused(&o) {
            self.fused(current);
            return true;
        }
        let a = self.float_read(o.rs1, X14);
        let b = place(o.rs2);
        let target = self.float_target(o.rd);
        match o.id {
            rv64f::FADD_S | rv64d::FADD_D => scalar!(self, width, vaddsd / vaddss, target, a, b),
            rv64f::FSUB_S | rv64d::FSUB_D => scalar!(self, width, vsubsd / vsubss, target, a, b),
            rv64f::FMUL_S | rv64d::FMUL_D => scalar!(self, width, vmulsd / vmulss, target, a, b),
            rv64f::FDIV_S | rv64d::FDIV_D => scalar!(self, width, vdivsd / vdivss, target, a, b),
            _ => scalar!(self, width, vsqrtsd / vsqrtss, target, a, Place::Host(a)),
        }
        self.canonical(target, width);
        self.float_write(o.rd, target, width);
        true
    }

    /// rd = rs1 * rs2 + rs3, either sum part negated. A NaN is left to the row: only that tells all that was invalid,
    /// and what the host has flagged until then is right. So the operands must be whole until the result is known.
    fn fused(&mut self, current: Current) {
        let Current { op: o, width, .. } = current;
        let target = if [o.rs1, o.rs2, o.rs3].contains(&o.rd) { X15 } else { self.float_target(o.rd) };
        match place(o.rs3) {
            Place::Host(c) => dynasm!(self.asm; .arch x64; vmovapd Rx(target), Rx(c)),
            Place::Memory(c) => dynasm!(self.asm; .arch x64; vmovsd Rx(target), [rbp + c]),
        }
        let a = self.float_read(o.rs1, X14);
        let b = place(o.rs2);
        match o.id {
            rv64f::FMADD_S | rv64d::FMADD_D => scalar!(self, width, vfmadd231sd / vfmadd231ss, target, a, b),
            rv64f::FMSUB_S | rv64d::FMSUB_D => scalar!(self, width, vfmsub231sd / vfmsub231ss, target, a, b),
            rv64f::FNMSUB_S | rv64d::FNMSUB_D => scalar!(self, width, vfnmadd231sd / vfnmadd231ss, target, a, b),
            _ => scalar!(self, width, vfnmsub231sd / vfnmsub231ss, target, a, b),
        }
        compare!(self, width, vucomisd / vucomiss, target, Place::Host(target));
        dynasm!(self.asm; .arch x64; jp =>current.row);
        self.float_write(o.rd, target, width);
    }
}
