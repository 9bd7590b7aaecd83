//! F and D by the host's own unit.
//!
//! Between [`Emitter::arm`] and the next way out of translated code the unit is *armed*: `mstatus.FS` is dirty; MXCSR
//! has the mode of `frm`, one of the four that the host knows, and the guest's flags, which `fflags` has no longer;
//! the registers of [`pins`] are in the host's. Each block arms the unit in front of its first operation of this
//! kind, unless it is armed; the shared code disarms it (`stubs.rs`), so that the hart never runs with the guest's
//! MXCSR.
//!
//! The host's results and flags are RISC-V's (it detects tininess after rounding as well) but for NaNs, minima and
//! maxima, conversions that are out of range, and a product of infinity and zero to which a quiet NaN is added. Where
//! one of those shows, the hart executes the operation again by its row; operands that are not boxed as they should
//! be are left to the interpreter.

mod arithmetic;
mod compare;
mod convert;
mod moves;
mod operands;
mod pins;
mod state;
pub(super) mod stubs;

use dynasm::dynasm;
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi};

pub(super) use state::is_state;

use super::emitter::Emitter;
use super::registers::field;
use crate::fpu::Rounding;
use crate::hart::layout;
use crate::isa::{base, rv64d, rv64f, Op};

/// What is known of the unit at a place in the code.
#[derive(Clone, Copy, Default)]
pub(super) struct Known {
    /// It is armed.
    armed: bool,
    /// Registers that hold a boxed single, one bit each.
    boxed: u32,
}

/// Precision of an operation.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Width {
    Single,
    Double,
}

impl Width {
    /// That of the row's extension.
    fn of(op: &Op) -> Self {
        if op.id.0 >= base::RV64D {
            Self::Double
        } else {
            Self::Single
        }
    }
}

/// An operation that is being written.
#[derive(Clone, Copy)]
struct Current {
    op: Op,
    width: Width,
    /// What lies behind it.
    done: DynamicLabel,
    /// Leads to its row, and from there to `done`.
    row: DynamicLabel,
}

/// Whether there is code for `op` here. It leaves `rdx` alone.
pub(super) fn is_inline(op: &Op) -> bool {
    arithmetic::is_inline(op) || compare::is_inline(op) || convert::is_inline(op) || moves::is_inline(op)
}

/// Whether the rounding mode of `op` is one that the host has, as far as the instruction says.
fn rounds_like_host(op: &Op) -> bool {
    op.rm == DYNAMIC || op.rm < Rounding::NearestMaxMagnitude as u8
}

/// Whether the rounding mode of `op` is not reserved, provided that the unit is armed.
fn rounds(op: &Op) -> bool {
    op.rm == DYNAMIC || Rounding::from_bits(op.rm).is_some()
}

/// The rounding mode of instructions that leave it to `frm`.
const DYNAMIC: u8 = 7;

impl Emitter<'_> {
    /// Write `op` if it is of the kind.
    pub fn float(&mut self, op: &Op, slot: usize) -> bool {
        if self.float_state(op) {
            return true;
        }
        if !is_inline(op) {
            return false;
        }
        self.arm();
        let (done, row) = (self.asm.new_dynamic_label(), self.asm.new_dynamic_label());
        let current = Current { op: *op, width: Width::of(op), done, row };
        let may_fail = self.arithmetic(current) || self.comparison(current) || self.conversion(current);
        if may_fail {
            self.by_row(current, slot);
        } else {
            self.float_move(current);
        }
        dynasm!(self.asm; .arch x64; =>done);
        true
    }

    /// Have the unit armed from here on, or else interpret the current operation.
    pub fn arm(&mut self) {
        if std::mem::replace(&mut self.float.armed, true) {
            return;
        }
        let (cold, back) = (self.asm.new_dynamic_label(), self.asm.new_dynamic_label());
        dynasm!(self.asm
            ; .arch x64
            ; cmp BYTE [rbp + field(layout::ARMED)], BYTE 0
            ; je =>cold
            ; =>back
        );
        let (fail, stub) = (self.side_exit(), self.stubs.float.arm);
        self.cold(move |e| {
            dynasm!(e.asm; .arch x64; =>cold; call extern stub; jz =>back; jmp =>fail);
        });
    }

    /// Let the row do what jumps to it; afterwards the unit is armed again.
    fn by_row(&mut self, current: Current, slot: usize) {
        let (data, fail, stub) = (self.embed(&current.op, slot), self.side_exit(), self.stubs.float.row);
        self.cold(move |e| {
            dynasm!(e.asm; .arch x64; =>current.row);
            e.restore();
            dynasm!(e.asm; .arch x64; lea rcx, [=>data]; call extern stub);
            e.exchange();
            dynasm!(e.asm; .arch x64; jnz =>fail);
            e.load_window();
            dynasm!(e.asm; .arch x64; jmp =>current.done);
        });
    }

    /// Leave the operation to its row unless its rounding mode is the armed one.
    fn require_rounding(&mut self, current: Current) {
        if current.op.rm != DYNAMIC {
            dynasm!(self.asm
                ; .arch x64
                ; cmp BYTE [rbp + field(layout::FRM)], BYTE current.op.rm as i8
                ; jne =>current.row
            );
        }
    }
}

/// Whether `op` is `$single` or `$double`.
macro_rules! either {
    ($op:expr, $($single:ident / $double:ident),*) => {
        $($op.id == rv64f::$single || $op.id == rv64d::$double)||*
    };
}
use either;
