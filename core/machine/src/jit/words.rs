//! Which results of 32 bits need not be sign-extended at once.
//!
//! RISC-V keeps numbers of 32 bits, *words*, sign-extended; the host clears the upper half of what it computes in 32 bits.
//! Where nothing looks at the upper half before the register is written again, as with most sums and counters of loops, the
//! extension is left out and the register is *narrow*. Code extends it on the ways where the upper half counts after all:
//! out of the loop, and wherever the state has to be exact.
//!
//! Registers may be narrow across the blocks of a loop that reads them. Such a block expects words in them, and ways into the
//! loop make sure of that. What a loop has only for itself is extended at its end, for anything may be there at first.

mod analysis;

use crate::isa::{row, rv64i, rv64m, zb, Op};

pub(super) use analysis::{analyse, Words};

/// What is known of the registers at one place, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Known {
    /// Those that stand for a word, sign-extended but for those that are narrow.
    pub words: u32,
    /// Those whose upper half may be anything instead.
    pub narrow: u32,
}

impl Known {
    /// At the start of a block where `registers` are words, and may be narrow.
    pub const fn expected(registers: u32) -> Self {
        Self { words: registers | 1, narrow: registers }
    }

    pub const fn is_word(self, register: u8) -> bool {
        self.words >> register & 1 != 0
    }

    pub const fn is_narrow(self, register: u8) -> bool {
        self.narrow >> register & 1 != 0
    }

    /// The registers whose upper halves `op` reads.
    pub fn read_in_full(self, op: &Op) -> u32 {
        let [a, b] = op.integer_sources().map(|register| register.map_or(0, |register| 1 << register));
        match op.id {
            rv64i::SLLI if op.imm & 63 >= 32 => 0,
            rv64i::ANDI if op.imm >= 0 => 0,
            _ if reads_words(op) => 0,
            rv64i::SLL | rv64i::SRL | rv64i::SRA | rv64i::SB | rv64i::SH | rv64i::SW => a,
            zb::ADD_UW | zb::SH1ADD_UW | zb::SH2ADD_UW | zb::SH3ADD_UW => b,
            // Copies, and what treats the upper half like the uppermost bit of the lower one.
            _ if is_copy(op) || is_bitwise(op) || is_branch(op) => match (a | b) & !self.words {
                0 => 0,
                _ => a | b,
            },
            _ => a | b,
        }
    }

    /// Know what holds behind `op`; `left_narrow` if its result was not extended.
    pub fn pass(&mut self, op: &Op, left_narrow: bool) {
        if row(op.id).system {
            // Whatever is called there may write registers that the operation does not name.
            *self = Self::expected(0);
        }
        let Some(rd) = op.integer_rd() else { return };
        let word = self.makes_word(op);
        let set = |set: u32, holds: bool| set & !(1 << rd) | u32::from(holds) << rd;
        (self.words, self.narrow) = (set(self.words, word), set(self.narrow, left_narrow));
    }

    /// Whether the result of `op` is a word.
    fn makes_word(self, op: &Op) -> bool {
        let of_words = || op.integer_sources().into_iter().flatten().all(|register| self.is_word(register));
        match op.id {
            rv64i::ADDI if op.rs1 == 0 => true,
            rv64i::LUI | rv64i::LB | rv64i::LBU | rv64i::LH | rv64i::LHU | rv64i::LW => true,
            rv64i::SLT | rv64i::SLTU | rv64i::SLTI | rv64i::SLTIU => true,
            rv64i::ANDI if op.imm >= 0 => true,
            rv64i::SRLI => op.imm & 63 > 32,
            rv64i::SRAI => op.imm & 63 >= 32,
            zb::SLLI_UW => false,
            _ if reads_words(op) => true,
            _ => (is_copy(op) || is_bitwise(op)) && of_words(),
        }
    }

    /// Whether `op` may leave its result narrow.
    fn may_leave_narrow(self, op: &Op) -> bool {
        let extends = reads_words(op) && op.id != zb::SLLI_UW;
        extends || (is_copy(op) || is_bitwise(op)) && self.makes_word(op)
    }
}

/// Whether `op` reads nothing but the lower halves of its operands.
fn reads_words(op: &Op) -> bool {
    matches!(op.id, rv64i::ADDIW | rv64i::SLLIW | rv64i::SRLIW | rv64i::SRAIW | rv64i::ADDW | rv64i::SUBW)
        || matches!(op.id, rv64i::SLLW | rv64i::SRLW | rv64i::SRAW | rv64m::MULW)
        || matches!(op.id, rv64m::DIVW | rv64m::DIVUW | rv64m::REMW | rv64m::REMUW)
        || matches!(op.id, zb::ROLW | zb::RORW | zb::RORIW | zb::CLZW | zb::CTZW | zb::CPOPW)
        || matches!(op.id, zb::SEXT_B | zb::SEXT_H | zb::ZEXT_H | zb::SLLI_UW)
}

fn is_copy(op: &Op) -> bool {
    op.copied().is_some_and(|(_, more)| more == 0)
}

fn is_bitwise(op: &Op) -> bool {
    matches!(op.id, rv64i::AND | rv64i::OR | rv64i::XOR | rv64i::ANDI | rv64i::ORI | rv64i::XORI)
}

fn is_branch(op: &Op) -> bool {
    (rv64i::BEQ.0..=rv64i::BGEU.0).contains(&op.id.0)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::isa::{decode, row, Id};

    pub const A0: u32 = 10;
    pub const A1: u32 = 11;

    pub fn word(id: Id, rd: u32, rs1: u32, rs2: u32) -> u32 {
        row(id).pattern.value | rd << 7 | rs1 << 15 | rs2 << 20
    }

    fn op(id: Id, rd: u32, rs1: u32, rs2: u32) -> Op {
        decode(word(id, rd, rs1, rs2))
    }

    fn behind(ops: &[Op]) -> Known {
        let mut known = Known::expected(0);
        ops.iter().for_each(|op| known.pass(op, false));
        known
    }

    #[test]
    fn only_what_is_sign_extended_is_a_word() {
        for id in [rv64i::LW, rv64i::LHU, rv64i::LBU, rv64i::ADDW, rv64i::SLT, rv64m::MULW, rv64m::REMUW] {
            assert!(behind(&[op(id, A0, 5, 6)]).is_word(10), "{}", row(id).mnemonic);
        }
        for id in [rv64i::LWU, rv64i::LD, rv64i::ADD, rv64m::MUL, zb::ADD_UW, zb::SLLI_UW, rv64i::SRLI, rv64i::ADDI] {
            assert!(!behind(&[op(id, A0, 5, 6)]).is_word(10), "{}", row(id).mnemonic);
        }
        assert!(behind(&[op(zb::CPOPW, A0, 5, 0)]).is_word(10));
        let (sum, other) = (op(rv64i::ADDW, A0, 5, 6), op(rv64i::XOR, A1, A0, 5));
        assert!(!behind(&[sum, other]).is_word(11), "the other operand is no word");
        assert!(behind(&[sum, op(rv64i::XOR, A1, A0, A0)]).is_word(11));
        assert!(!behind(&[sum, op(rv64i::LD, A0, 5, 0)]).is_word(10), "it is gone");
    }

    #[test]
    fn upper_halves_count_unless_both_operands_are_words() {
        let known = behind(&[op(rv64i::ADDW, A0, 5, 6)]);
        for id in [rv64i::BEQ, rv64i::BLTU, rv64i::AND, rv64i::XOR] {
            assert_eq!(known.read_in_full(&op(id, 0, A0, 0)) & 1 << A0, 0, "{}", row(id).mnemonic);
            assert_ne!(known.read_in_full(&op(id, 0, A0, A1)) & 1 << A0, 0, "{}", row(id).mnemonic);
        }
        assert_eq!(known.read_in_full(&op(rv64i::SW, 0, A1, A0)), 1 << A1, "an address");
        assert_eq!(known.read_in_full(&op(rv64i::SD, 0, A1, A0)), 1 << A1 | 1 << A0);
        assert_eq!(known.read_in_full(&op(zb::SH2ADD_UW, 5, A0, A1)), 1 << A1);
    }
}
