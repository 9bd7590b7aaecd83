//! Branches, jumps, calls and returns.

use dynasm::dynasm;
use dynasmrt::{DynasmApi, DynasmLabelApi};

use super::emitter::Emitter;
use super::registers::{field, Place, RAX, RCX};
use super::stubs::{probe, JUMP_MASK};
use crate::hart::layout;
use crate::isa::{rv64i, Op, SINK};

/// A condition: that of the two operands as they stand, or with them exchanged.
#[derive(Clone, Copy)]
enum Condition {
    Equal,
    NotEqual,
    Less,
    GreaterEqual,
    Below,
    AboveEqual,
    Greater,
    LessEqual,
    Above,
    BelowEqual,
    Negative,
    NotNegative,
}

impl Condition {
    fn of(op: &Op) -> Option<Self> {
        Some(match op.id {
            rv64i::BEQ => Self::Equal,
            rv64i::BNE => Self::NotEqual,
            rv64i::BLT => Self::Less,
            rv64i::BGE => Self::GreaterEqual,
            rv64i::BLTU => Self::Below,
            rv64i::BGEU => Self::AboveEqual,
            _ => return None,
        })
    }

    /// The same of the operands exchanged.
    fn exchanged(self) -> Self {
        match self {
            Self::Equal | Self::NotEqual | Self::Negative | Self::NotNegative => self,
            Self::Less => Self::Greater,
            Self::GreaterEqual => Self::LessEqual,
            Self::Below => Self::Above,
            Self::AboveEqual => Self::BelowEqual,
            Self::Greater => Self::Less,
            Self::LessEqual => Self::GreaterEqual,
            Self::Above => Self::Below,
            Self::BelowEqual => Self::AboveEqual,
        }
    }

    fn negated(self) -> Self {
        match self {
            Self::Equal => Self::NotEqual,
            Self::NotEqual => Self::Equal,
            Self::Less => Self::GreaterEqual,
            Self::GreaterEqual => Self::Less,
            Self::Below => Self::AboveEqual,
            Self::AboveEqual => Self::Below,
            Self::Greater => Self::LessEqual,
            Self::LessEqual => Self::Greater,
            Self::Above => Self::BelowEqual,
            Self::BelowEqual => Self::Above,
            Self::Negative => Self::NotNegative,
            Self::NotNegative => Self::Negative,
        }
    }

    /// The same of an operand and zero by the flags of what computed the operand, if they tell.
    fn of_result(self) -> Option<Self> {
        match self {
            Self::Equal | Self::NotEqual => Some(self),
            Self::Less => Some(Self::Negative),
            Self::GreaterEqual => Some(Self::NotNegative),
            _ => None,
        }
    }
}

impl Emitter<'_> {
    /// Write `op` if it jumps: whether nothing behind it is reached from it. `next` is the slot that is written behind.
    pub fn control(&mut self, op: &Op, slot: usize, next: Option<usize>) -> Option<bool> {
        let target = self.here.offset.wrapping_add(op.imm);
        let behind = self.here.offset + i32::from(op.len);
        match op.id {
            rv64i::JAL => {
                if op.rd != SINK {
                    self.write_link(op, behind);
                }
                if (0..4096).contains(&target) {
                    if next != Some(target as usize / 2) {
                        self.jump_to(target as usize / 2);
                    }
                } else {
                    self.jump_out(target);
                }
                Some(true)
            }
            rv64i::JALR => {
                self.load(op.rs1, RAX);
                if op.imm != 0 {
                    dynasm!(self.asm; .arch x64; add rax, op.imm);
                }
                dynasm!(self.asm; .arch x64; and rax, -2);
                if op.rd != SINK {
                    self.write_link(op, behind);
                }
                self.probe();
                Some(true)
            }
            _ => {
                let condition = Condition::of(op)?;
                self.branch(op, condition, target, slot + usize::from(op.len) / 2, next);
                Some(true)
            }
        }
    }

    /// rd = address of what lies at `behind`. Leaves `rax` alone.
    fn write_link(&mut self, op: &Op, behind: i32) {
        let rd = op.rd;
        let into = match self.place(rd) {
            Place::Host(host) => host,
            Place::Memory(_) => RCX,
        };
        self.page_plus(behind, into);
        self.write(rd, into);
        self.known.pass(op, false);
    }

    /// Jump to `offset` from the page, which lies in another one.
    pub fn jump_out(&mut self, offset: i32) {
        self.page_plus(offset, RAX);
        self.probe();
    }

    /// Jump to the pc in `rax`.
    fn probe(&mut self) {
        self.widen_all();
        self.restore();
        let miss = self.stubs.miss;
        probe!(self.asm, miss);
    }

    fn branch(&mut self, op: &Op, condition: Condition, target: i32, behind: usize, next: Option<usize>) {
        if op.imm < 0 {
            // A loop's end: what its start does not expect is extended here, not on a way around.
            self.widen_for(target);
        }
        let condition = self.compare(op.rs1, op.rs2, condition);
        if !(0..4096).contains(&target) {
            // Far: around a jump to another page.
            let label = self.asm.new_dynamic_label();
            self.jump_if(condition, label);
            self.cold(move |e| {
                dynasm!(e.asm; .arch x64; =>label);
                e.jump_out(target);
            });
        } else if next == Some(target as usize / 2) && behind < 2048 {
            let label = self.block_label(behind);
            self.jump_if(condition.negated(), label);
            self.link(behind);
            return;
        } else {
            let label = self.block_label(target as usize / 2);
            self.jump_if(condition, label);
            self.link(target as usize / 2);
        }
        if next != Some(behind) {
            self.jump_to(behind);
        }
    }

    /// Compare two integer registers; the condition to ask the flags for.
    fn compare(&mut self, a: u8, b: u8, condition: Condition) -> Condition {
        if b == 0 {
            if let Some(condition) = condition.of_result().filter(|_| self.flags == Some(a)) {
                return condition;
            }
            match self.place(a) {
                Place::Host(host) if self.known.is_narrow(a) => dynasm!(self.asm; .arch x64; test Rd(host), Rd(host)),
                Place::Host(a) => dynasm!(self.asm; .arch x64; test Rq(a), Rq(a)),
                Place::Memory(a) => dynasm!(self.asm; .arch x64; cmp QWORD [BYTE rbp + a], BYTE 0),
            }
            return condition;
        }
        if a == 0 {
            return self.compare(b, 0, condition.exchanged());
        }
        // Words compare by their lower halves as they do as a whole.
        let narrow = self.known.is_narrow(a) || self.known.is_narrow(b);
        match (self.place(a), self.place(b)) {
            (Place::Host(a), Place::Host(b)) if narrow => dynasm!(self.asm; .arch x64; cmp Rd(a), Rd(b)),
            (Place::Host(a), Place::Memory(b)) if narrow => dynasm!(self.asm; .arch x64; cmp Rd(a), [BYTE rbp + b]),
            (Place::Memory(a), Place::Host(b)) if narrow => dynasm!(self.asm; .arch x64; cmp [BYTE rbp + a], Rd(b)),
            (Place::Host(a), Place::Host(b)) => dynasm!(self.asm; .arch x64; cmp Rq(a), Rq(b)),
            (Place::Host(a), Place::Memory(b)) => dynasm!(self.asm; .arch x64; cmp Rq(a), [BYTE rbp + b]),
            (Place::Memory(a), Place::Host(b)) => dynasm!(self.asm; .arch x64; cmp [BYTE rbp + a], Rq(b)),
            (Place::Memory(_), Place::Memory(b)) => {
                self.load(a, RAX);
                dynasm!(self.asm; .arch x64; cmp rax, [BYTE rbp + b]);
            }
        }
        condition
    }

    fn jump_if(&mut self, condition: Condition, to: dynasmrt::DynamicLabel) {
        match condition {
            Condition::Equal => dynasm!(self.asm; .arch x64; je =>to),
            Condition::NotEqual => dynasm!(self.asm; .arch x64; jne =>to),
            Condition::Less => dynasm!(self.asm; .arch x64; jl =>to),
            Condition::GreaterEqual => dynasm!(self.asm; .arch x64; jge =>to),
            Condition::Below => dynasm!(self.asm; .arch x64; jb =>to),
            Condition::AboveEqual => dynasm!(self.asm; .arch x64; jae =>to),
            Condition::Greater => dynasm!(self.asm; .arch x64; jg =>to),
            Condition::LessEqual => dynasm!(self.asm; .arch x64; jle =>to),
            Condition::Above => dynasm!(self.asm; .arch x64; ja =>to),
            Condition::BelowEqual => dynasm!(self.asm; .arch x64; jbe =>to),
            Condition::Negative => dynasm!(self.asm; .arch x64; js =>to),
            Condition::NotNegative => dynasm!(self.asm; .arch x64; jns =>to),
        }
    }
}
