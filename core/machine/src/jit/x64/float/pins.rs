//! Where floating-point registers live while the unit is armed.
//!
//! Fourteen are pinned, as integer registers are; the others stay in the hart. `xmm14` and `xmm15` are scratch.

use super::super::registers::field;
use crate::hart::layout;

pub const X14: u8 = 14;
pub const X15: u8 = 15;

/// Guest register of each host register: `fa0` to `fa5`, `ft0` to `ft3`, `fs0` to `fs3`. Compilers take the first two
/// groups in loops without calls, and the third in those with calls, be it only of `sqrt` for a negative number.
pub const PINNED: [u8; 14] = [10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 8, 9, 18, 19];

/// Where a register is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In a host register.
    Host(u8),
    /// At this displacement from `rbp`.
    Memory(i32),
}

/// The place of register `guest`.
pub fn place(guest: u8) -> Place {
    match PINNED.iter().position(|pinned| *pinned == guest) {
        Some(host) => Place::Host(host as u8),
        None => Place::Memory(memory(guest)),
    }
}

/// Displacement of register `guest` in the hart.
pub fn memory(guest: u8) -> i32 {
    field(layout::F) + 8 * i32::from(guest)
}
