//! Conversions between the formats, and from and to integers.
//!
//! An integer that does not fit makes the host flag what RISC-V does, and give the smallest integer; but it may be
//! inexact too where it converts to more bits than are asked for, so that unsigned ones are looked at before.

use dynasm::dynasm;
use dynasmrt::{DynasmApi, DynasmLabelApi};

use super::super::registers::{self, RAX};
use super::pins::{place, Place, X14, X15};
use super::{
    either, field, layout, rounds, rounds_like_host, rv64d, rv64f, Current, Emitter, Op, Rounding, Width, DYNAMIC,
};

/// Whether `op` is one of these and there is code for it.
pub(super) fn is_inline(op: &Op) -> bool {
    if is_exact(op) {
        rounds(op)
    } else if to_unsigned(op) {
        op.rm == Rounding::TowardZero as u8
    } else if from_integer(op) {
        rounds(op)
    } else {
        rounds_like_host(op) && (to_signed(op) || op.id == rv64d::FCVT_S_D)
    }
}

/// Whether `op` never rounds.
fn is_exact(op: &Op) -> bool {
    [rv64d::FCVT_D_S, rv64d::FCVT_D_W, rv64d::FCVT_D_WU].contains(&op.id)
}

fn from_integer(op: &Op) -> bool {
    either!(op, FCVT_S_W / FCVT_D_W, FCVT_S_WU / FCVT_D_WU, FCVT_S_L / FCVT_D_L, FCVT_S_LU / FCVT_D_LU)
}

fn to_signed(op: &Op) -> bool {
    either!(op, FCVT_W_S / FCVT_W_D, FCVT_L_S / FCVT_L_D)
}

fn to_unsigned(op: &Op) -> bool {
    either!(op, FCVT_WU_S / FCVT_WU_D, FCVT_LU_S / FCVT_LU_D)
}

/// `$name` of integer register `$from` and a number, which may be in memory.
macro_rules! to_integer {
    ($e:expr, $width:expr, $double:ident / $single:ident, $family:ident, $from:expr) => {
        match ($width, $from) {
            (Width::Double, Place::Host(from)) => dynasm!($e.asm; .arch x64; $double $family(RAX), Rx(from)),
            (Width::Double, Place::Memory(from)) => dynasm!($e.asm; .arch x64; $double $family(RAX), QWORD [rbp + from]),
            (Width::Single, Place::Host(from)) => dynasm!($e.asm; .arch x64; $single $family(RAX), Rx(from)),
            (Width::Single, Place::Memory(from)) => dynasm!($e.asm; .arch x64; $single $family(RAX), DWORD [rbp + from]),
        }
    };
}

impl Emitter<'_> {
    /// Write the operation if it is one of these.
    pub(super) fn conversion(&mut self, current: Current) -> bool {
        let Current { op: o, width, .. } = current;
        if !is_inline(&o) {
            return false;
        }
        if from_integer(&o) {
            self.float_of_integer(current);
        } else if to_signed(&o) {
            self.signed_of_float(current);
        } else if to_unsigned(&o) {
            self.unsigned_of_float(current);
        } else {
            // Both are rows of D, by the width of the wider one.
            debug_assert!(width == Width::Double);
            let target = self.float_target(o.rd);
            let into = if o.id == rv64d::FCVT_D_S {
                self.require(o.rs1, Width::Single);
                let a = self.float_read(o.rs1, X14);
                dynasm!(self.asm; .arch x64; vcvtss2sd Rx(target), Rx(a), Rx(a));
                Width::Double
            } else {
                self.require_rounding(current);
                let a = self.float_read(o.rs1, X14);
                self.ones(X15);
                dynasm!(self.asm; .arch x64; vcvtsd2ss Rx(target), Rx(X15), Rx(a));
                Width::Single
            };
            self.canonical(target, into);
            self.float_write(o.rd, target, into);
        }
        true
    }

    fn float_of_integer(&mut self, current: Current) {
        let Current { op: o, width, .. } = current;
        let target = self.float_target(o.rd);
        self.ones(X15);
        let long = either!(o, FCVT_S_L / FCVT_D_L, FCVT_S_LU / FCVT_D_LU);
        if long {
            self.load(o.rs1, RAX);
            if either!(o, FCVT_S_LU / FCVT_D_LU) {
                dynasm!(self.asm; .arch x64; test rax, rax; js =>current.row);
            }
        } else {
            match (self.place(o.rs1), either!(o, FCVT_S_W / FCVT_D_W)) {
                (registers::Place::Host(host), true) => dynasm!(self.asm; .arch x64; movsxd rax, Rd(host)),
                (registers::Place::Memory(at), true) => dynasm!(self.asm; .arch x64; movsxd rax, DWORD [BYTE rbp + at]),
                (registers::Place::Host(host), false) => dynasm!(self.asm; .arch x64; mov eax, Rd(host)),
                (registers::Place::Memory(at), false) => dynasm!(self.asm; .arch x64; mov eax, [BYTE rbp + at]),
            }
        }
        if !is_exact(&o) && o.rm != DYNAMIC {
            self.require_exact_or_rounding(current);
        }
        match width {
            Width::Double => dynasm!(self.asm; .arch x64; vcvtsi2sd Rx(target), Rx(X15), rax),
            Width::Single => dynasm!(self.asm; .arch x64; vcvtsi2ss Rx(target), Rx(X15), rax),
        }
        self.float_write(o.rd, target, width);
    }

    /// Leave it to the row unless the rounding mode is the armed one, or the integer in `rax` so small that nothing
    /// is rounded.
    fn require_exact_or_rounding(&mut self, current: Current) {
        let (cold, back) = (self.asm.new_dynamic_label(), self.asm.new_dynamic_label());
        let spare = match current.width {
            Width::Double => 10,
            Width::Single => 39,
        };
        dynasm!(self.asm
            ; .arch x64
            ; cmp BYTE [rbp + field(layout::FRM)], BYTE current.op.rm as i8
            ; jne =>cold
            ; =>back
        );
        self.cold(move |e| {
            dynasm!(e.asm
                ; .arch x64
                ; =>cold
                ; mov rcx, rax
                ; shl rcx, BYTE spare
                ; sar rcx, BYTE spare
                ; cmp rcx, rax
                ; je =>back
                ; jmp =>current.row
            );
        });
    }

    fn signed_of_float(&mut self, current: Current) {
        let Current { op: o, width, .. } = current;
        let word = either!(o, FCVT_W_S / FCVT_W_D);
        let mut truncates = o.rm == Rounding::TowardZero as u8;
        let mut from = place(o.rs1);
        self.require(o.rs1, width);
        if o.id == rv64d::FCVT_W_D && !truncates {
            self.require_rounding(current);
        } else if o.rm != DYNAMIC && !truncates {
            // First to an integer in the same format: what is inexact then lies in the integers' range.
            let mode = if o.rm == Rounding::NearestEven as u8 { 0 } else { o.rm as i8 - 1 };
            let a = self.float_read(o.rs1, X14);
            match width {
                Width::Double => dynasm!(self.asm; .arch x64; vroundsd Rx(X15), Rx(a), Rx(a), mode),
                Width::Single => dynasm!(self.asm; .arch x64; vroundss Rx(X15), Rx(a), Rx(a), mode),
            }
            (from, truncates) = (Place::Host(X15), true);
        }
        match (word, truncates) {
            (true, true) => to_integer!(self, width, vcvttsd2si / vcvttss2si, Rd, from),
            (true, false) => to_integer!(self, width, vcvtsd2si / vcvtss2si, Rd, from),
            (false, true) => to_integer!(self, width, vcvttsd2si / vcvttss2si, Rq, from),
            (false, false) => to_integer!(self, width, vcvtsd2si / vcvtss2si, Rq, from),
        }
        // The smallest integer may be right; then the row says so.
        if word {
            dynasm!(self.asm; .arch x64; cmp eax, BYTE 1; jo =>current.row; movsxd rax, eax);
        } else {
            dynasm!(self.asm; .arch x64; cmp rax, BYTE 1; jo =>current.row);
        }
        self.write(o.rd, RAX);
    }

    fn unsigned_of_float(&mut self, current: Current) {
        let Current { op: o, width, .. } = current;
        let word = either!(o, FCVT_WU_S / FCVT_WU_D);
        self.require(o.rs1, width);
        let from = self.float_read(o.rs1, X14);
        // Exponents from here on, and signs, are left to the row.
        let bits = if word { 32 } else { 63 };
        match width {
            Width::Double => dynasm!(self.asm; .arch x64; vmovq rax, Rx(from); shr rax, BYTE 52; cmp eax, 1023 + bits),
            Width::Single => dynasm!(self.asm; .arch x64; vmovd eax, Rx(from); shr eax, BYTE 23; cmp eax, 127 + bits),
        }
        dynasm!(self.asm; .arch x64; jae =>current.row);
        to_integer!(self, width, vcvttsd2si / vcvttss2si, Rq, Place::Host(from));
        if word {
            dynasm!(self.asm; .arch x64; movsxd rax, eax);
        }
        self.write(o.rd, RAX);
    }
}
