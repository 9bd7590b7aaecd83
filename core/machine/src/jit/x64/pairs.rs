//! Pairs of instructions that together are one of the host's: what compilers write for lack of a shorter way.

use dynasm::dynasm;
use dynasmrt::DynasmApi;

use super::emitter::Emitter;
use super::registers::Place;
use crate::isa::{rv64i, Op};

impl Emitter<'_> {
    /// Write `first` and `second` if they are such a pair, and the first result is gone with the second. Neither leaves the
    /// code, so that nothing can come between them.
    pub fn pair(&mut self, first: &Op, second: &Op) -> bool {
        if first.integer_rd().is_none() || second.rd != first.rd || second.rs1 != first.rd {
            return false;
        }
        let written = match (first.id, second.id) {
            (rv64i::SLLI, rv64i::SRLI | rv64i::SRAI) => self.part(first, second),
            (rv64i::LUI, rv64i::ADDI | rv64i::ADDIW) => self.long_constant(first, second),
            (rv64i::AUIPC, rv64i::ADDI) => self.near_address(first, second),
            _ => false,
        };
        if written {
            self.known.pass(first, false);
            self.known.pass(second, false);
        }
        written
    }

    /// The lower half, quarter or eighth of a register, extended, and shifted to where it is wanted.
    fn part(&mut self, first: &Op, second: &Op) -> bool {
        let (left, right) = (first.imm & 63, second.imm & 63);
        let target = self.target(first.rd);
        let signed = second.id == rv64i::SRAI;
        match (self.place(first.rs1), left, signed) {
            (Place::Host(from), 32, false) => dynasm!(self.asm; .arch x64; mov Rd(target), Rd(from)),
            (Place::Host(from), 32, true) => dynasm!(self.asm; .arch x64; movsxd Rq(target), Rd(from)),
            (Place::Host(from), 48, false) => dynasm!(self.asm; .arch x64; movzx Rd(target), Rw(from)),
            (Place::Host(from), 48, true) => dynasm!(self.asm; .arch x64; movsx Rq(target), Rw(from)),
            (Place::Host(from), 56, false) => dynasm!(self.asm; .arch x64; movzx Rd(target), Rb(from)),
            (Place::Host(from), 56, true) => dynasm!(self.asm; .arch x64; movsx Rq(target), Rb(from)),
            (Place::Memory(at), 32, false) => dynasm!(self.asm; .arch x64; mov Rd(target), [BYTE rbp + at]),
            (Place::Memory(at), 32, true) => dynasm!(self.asm; .arch x64; movsxd Rq(target), DWORD [BYTE rbp + at]),
            (Place::Memory(at), 48, false) => dynasm!(self.asm; .arch x64; movzx Rd(target), WORD [BYTE rbp + at]),
            (Place::Memory(at), 48, true) => dynasm!(self.asm; .arch x64; movsx Rq(target), WORD [BYTE rbp + at]),
            (Place::Memory(at), 56, false) => dynasm!(self.asm; .arch x64; movzx Rd(target), BYTE [BYTE rbp + at]),
            (Place::Memory(at), 56, true) => dynasm!(self.asm; .arch x64; movsx Rq(target), BYTE [BYTE rbp + at]),
            _ => return false,
        }
        match (right - left, signed) {
            (0, _) => {}
            (..0, _) => dynasm!(self.asm; .arch x64; shl Rq(target), BYTE (left - right) as i8),
            (_, false) => dynasm!(self.asm; .arch x64; shr Rq(target), BYTE (right - left) as i8),
            (_, true) => dynasm!(self.asm; .arch x64; sar Rq(target), BYTE (right - left) as i8),
        }
        self.flags = (right != left).then_some(first.rd);
        self.write(first.rd, target);
        true
    }

    fn long_constant(&mut self, first: &Op, second: &Op) -> bool {
        let sum = match second.id {
            rv64i::ADDIW => first.imm.wrapping_add(second.imm),
            _ => match first.imm.checked_add(second.imm) {
                Some(sum) => sum,
                None => return false,
            },
        };
        let target = self.constant(first.rd, sum);
        self.flags = None;
        self.write(first.rd, target);
        true
    }

    fn near_address(&mut self, first: &Op, second: &Op) -> bool {
        let sum = first.imm.checked_add(second.imm).and_then(|sum| sum.checked_add(self.here.offset));
        let Some(sum) = sum else { return false };
        let target = self.target(first.rd);
        self.page_plus(sum, target);
        self.flags = None;
        self.write(first.rd, target);
        true
    }
}
