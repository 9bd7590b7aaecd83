//! Instruction formats: where the operands lie in a 32-bit word and how they are printed.
//!
//! Source: unprivileged specification, "RV32I Base Integer Instruction Set" (immediate variants) and the F, A and Zicsr chapters.

use super::op::{Op, SINK};
use super::Id;

/// Operand layout of a 32-bit instruction. X is an integer register, F a floating-point one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// X rd, X rs1, X rs2.
    R,
    /// X rd, X rs1.
    Unary,
    /// X rd, X rs1, 12-bit immediate.
    I,
    /// X rd, X rs1, 6-bit shift amount.
    Shift6,
    /// X rd, X rs1, 5-bit shift amount.
    Shift5,
    /// X rd, offset(X rs1).
    Load,
    /// X rs2, offset(X rs1).
    Store,
    /// X rs1, X rs2, pc-relative offset.
    Branch,
    /// X rd, upper immediate.
    Upper,
    /// X rd, pc-relative offset.
    Jump,
    /// No operand.
    Bare,
    /// Ordering bits in the immediate.
    Fence,
    /// X rs1, X rs2 (address and ASID).
    Sfence,
    /// (X rs1).
    Cbo,
    /// X rd, CSR, X rs1.
    Csr,
    /// X rd, CSR, 5-bit immediate.
    CsrImm,
    /// X rd, (X rs1).
    Lr,
    /// X rd, X rs2, (X rs1).
    Amo,
    /// F rd, offset(X rs1).
    FLoad,
    /// F rs2, offset(X rs1).
    FStore,
    /// F rd, F rs1, F rs2.
    FR,
    /// As `FR`, with rounding mode.
    FRRm,
    /// F rd, F rs1, F rs2, F rs3, rounding mode.
    FR4,
    /// F rd, F rs1, rounding mode.
    FUnaryRm,
    /// X rd, F rs1, F rs2.
    FCompare,
    /// X rd, F rs1.
    FToX,
    /// X rd, F rs1, rounding mode.
    FToXRm,
    /// F rd, X rs1.
    XToF,
    /// F rd, X rs1, rounding mode.
    XToFRm,
}

const fn bits(word: u32, low: u32, count: u32) -> u32 {
    word >> low & ((1 << count) - 1)
}

impl Format {
    /// Whether `rd` names a floating-point register.
    #[must_use]
    pub const fn float_rd(self) -> bool {
        use Format::{FLoad, FRRm, FUnaryRm, XToF, XToFRm, FR, FR4};
        matches!(self, FLoad | FR | FRRm | FR4 | FUnaryRm | XToF | XToFRm)
    }

    /// Whether `rs1` and `rs2` name integer registers that are read.
    #[must_use]
    pub const fn integer_sources(self) -> [bool; 2] {
        use Format::{
            Amo, Branch, Cbo, Csr, FLoad, FStore, Load, Lr, Sfence, Shift5, Shift6, Store, Unary, XToF, XToFRm, I, R,
        };
        let first = matches!(
            self,
            R | Unary
                | I
                | Shift6
                | Shift5
                | Load
                | Store
                | Branch
                | Sfence
                | Cbo
                | Csr
                | Lr
                | Amo
                | FLoad
                | FStore
                | XToF
                | XToFRm
        );
        [first, matches!(self, R | Store | Branch | Sfence | Amo)]
    }

    /// Take the operands of `word` apart for row `id`.
    #[must_use]
    pub const fn operands(self, id: Id, word: u32) -> Op {
        use Format::{Bare, Branch, Csr, CsrImm, FLoad, FStore, Fence, Jump, Load, Shift5, Shift6, Store, Upper, I};
        let imm = match self {
            I | Load | FLoad | Fence => word as i32 >> 20,
            Shift6 => bits(word, 20, 6) as i32,
            Shift5 => bits(word, 20, 5) as i32,
            Store | FStore => word as i32 >> 25 << 5 | bits(word, 7, 5) as i32,
            Branch => {
                let low = bits(word, 8, 4) << 1 | bits(word, 25, 6) << 5 | bits(word, 7, 1) << 11;
                word as i32 >> 31 << 12 | low as i32
            }
            Upper => (word & 0xffff_f000) as i32,
            Jump => {
                let low = bits(word, 21, 10) << 1 | bits(word, 20, 1) << 11 | bits(word, 12, 8) << 12;
                word as i32 >> 31 << 20 | low as i32
            }
            Csr | CsrImm => bits(word, 20, 12) as i32,
            _ => 0,
        };
        let raw_rd = bits(word, 7, 5) as u8;
        let no_rd = matches!(self, Store | FStore | Branch | Bare | Fence | Format::Sfence | Format::Cbo);
        let rd = if no_rd || (raw_rd == 0 && !self.float_rd()) { SINK } else { raw_rd };
        Op {
            imm,
            id,
            rd,
            rs1: bits(word, 15, 5) as u8,
            rs2: bits(word, 20, 5) as u8,
            rs3: bits(word, 27, 5) as u8,
            rm: bits(word, 12, 3) as u8,
            len: 4,
        }
    }
}
