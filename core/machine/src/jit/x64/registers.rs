//! Where guest registers live while translated code runs.
//!
//! Ten of them are pinned to registers of the host, the same ones everywhere (but see [`super::allocation`]), so that regions
//! are linked by plain jumps. The others stay in the hart, within reach of a one-byte displacement from `rbp`. `rax`, `rcx` and `rdx` are scratch; `r15`
//! counts down the instructions that are left.

use crate::hart::layout;

pub(super) const RAX: u8 = 0;
pub(super) const RCX: u8 = 1;
pub(super) const RDX: u8 = 2;

/// Guest register and the host register that it is pinned to: what compilers use most, `sp`, `s0`, `s1`, `a0` to `a6`.
pub(super) const PINNED: [(u8, u8); 10] =
    [(2, 3), (8, 12), (9, 13), (10, 7), (11, 6), (12, 8), (13, 9), (14, 10), (15, 11), (16, 14)];

/// Host registers of [`PINNED`] that a call does not preserve.
pub(super) const VOLATILE: [u8; 6] = [7, 6, 8, 9, 10, 11];

/// What `rbp` is ahead of the hart, so that all integer registers are within one byte of it.
pub(super) const BIAS: i32 = layout::X as i32 + 128;

/// Where a guest register is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In a host register.
    Host(u8),
    /// At this displacement from `rbp`.
    Memory(i8),
}

/// Displacement of integer register `guest` in the hart.
pub(super) fn memory(guest: u8) -> i8 {
    (i32::from(guest) * 8 - 128) as i8
}

/// Displacement from `rbp` of the field at `offset` in the hart.
pub(super) const fn field(offset: usize) -> i32 {
    offset as i32 - BIAS
}
