//! The decoded form of an instruction: what the interpreter executes and a translator consumes.

use super::{row, rv64i, Id};

/// Destination that stands for `x0`: a register that is written and never read.
pub const SINK: u8 = 32;

/// One decoded instruction. Compressed instructions decode to the operation that they abbreviate, with `len` 2.
///
/// Invariants kept by the decoder: `rs1`, `rs2`, `rs3` are below 32; an integer `rd` is 1 to 31 or [`SINK`];
/// a floating-point `rd` is below 32; `len` is 2 or 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Op {
    /// Immediate, sign-extended as the format says; for CSR instructions the CSR number.
    pub imm: i32,
    /// Which row.
    pub id: Id,
    /// Destination register.
    pub rd: u8,
    /// First source register, or the 5-bit immediate of `csrrwi` and its kin.
    pub rs1: u8,
    /// Second source register.
    pub rs2: u8,
    /// Third source register (fused multiply-add).
    pub rs3: u8,
    /// Rounding mode as encoded, 7 being dynamic.
    pub rm: u8,
    /// Length in bytes.
    pub len: u8,
}

impl Op {
    /// An operation of `id` without operands.
    #[must_use]
    pub const fn bare(id: Id, len: u8) -> Self {
        Self { imm: 0, id, rd: SINK, rs1: 0, rs2: 0, rs3: 0, rm: 0, len }
    }

    /// The integer register that it writes, if it writes one.
    #[must_use]
    pub fn integer_rd(&self) -> Option<u8> {
        (self.rd != SINK && !row(self.id).format.float_rd()).then_some(self.rd)
    }

    /// The integer registers that it reads as `rs1` and `rs2`.
    #[must_use]
    pub fn integer_sources(&self) -> [Option<u8>; 2] {
        let [first, second] = row(self.id).format.integer_sources();
        [first.then_some(self.rs1), second.then_some(self.rs2)]
    }

    /// The integer register that it copies, and what it adds to that.
    #[must_use]
    pub fn copied(&self) -> Option<(u8, i32)> {
        match self.id {
            rv64i::ADDI => Some((self.rs1, self.imm)),
            rv64i::ADD if self.rs1 == 0 => Some((self.rs2, 0)),
            rv64i::ADD if self.rs2 == 0 => Some((self.rs1, 0)),
            _ => None,
        }
    }

    /// The immediate as a 64-bit operand.
    #[must_use]
    #[inline(always)]
    pub const fn imm64(&self) -> u64 {
        self.imm as i64 as u64
    }
}
