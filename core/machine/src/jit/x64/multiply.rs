//! M: multiplication and division.

use dynasm::dynasm;
use dynasmrt::{DynasmApi, DynasmLabelApi};

use super::emitter::Emitter;
use super::integer::{commutative, with};
use super::registers::{Place, RAX, RCX, RDX};
use crate::isa::{rv64m, Op};

/// Which part of a division.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Quotient,
    Remainder,
}

impl Emitter<'_> {
    /// Write `op` if it is one of these.
    pub fn multiply(&mut self, op: &Op) -> bool {
        let o = op;
        let result = match o.id {
            rv64m::MUL => commutative!(self, o, imul, Rq),
            rv64m::MULW => {
                let target = commutative!(self, o, imul, Rd);
                self.word_result(o, target)
            }
            rv64m::MULH => {
                self.load(o.rs1, RAX);
                let b = self.read(o.rs2, RCX);
                dynasm!(self.asm; .arch x64; imul Rq(b));
                RDX
            }
            rv64m::MULHU => {
                self.load(o.rs1, RAX);
                let b = self.read(o.rs2, RCX);
                dynasm!(self.asm; .arch x64; mul Rq(b));
                RDX
            }
            rv64m::MULHSU => {
                // As unsigned, less rs2 where rs1 is negative.
                self.load(o.rs1, RAX);
                let b = self.read(o.rs2, RCX);
                dynasm!(self.asm; .arch x64; mul Rq(b));
                self.load(o.rs1, RAX);
                dynasm!(self.asm; .arch x64; sar rax, BYTE 63);
                with!(self, and, Rq, RAX, o.rs2);
                dynasm!(self.asm; .arch x64; sub rdx, rax);
                RDX
            }
            rv64m::DIV => self.divide_signed(o, Part::Quotient, false),
            rv64m::REM => self.divide_signed(o, Part::Remainder, false),
            rv64m::DIVW => self.divide_signed(o, Part::Quotient, true),
            rv64m::REMW => self.divide_signed(o, Part::Remainder, true),
            rv64m::DIVU => self.divide_unsigned(o, Part::Quotient, false),
            rv64m::REMU => self.divide_unsigned(o, Part::Remainder, false),
            rv64m::DIVUW => self.divide_unsigned(o, Part::Quotient, true),
            rv64m::REMUW => self.divide_unsigned(o, Part::Remainder, true),
            _ => return false,
        };
        self.write(o.rd, result);
        true
    }

    /// Operands of a division into `rax` and `rcx`, words extended.
    fn operands(&mut self, o: &Op, word: bool, signed: bool) {
        self.load(o.rs1, RAX);
        self.load(o.rs2, RCX);
        match (word, signed) {
            (true, true) => dynasm!(self.asm; .arch x64; movsxd rax, eax; movsxd rcx, ecx),
            (true, false) => dynasm!(self.asm; .arch x64; mov eax, eax; mov ecx, ecx),
            (false, _) => {}
        }
    }

    /// The quotient by zero is all ones, the remainder the dividend; the host would trap. By minus one, the quotient is the
    /// negated dividend, the remainder zero: the host traps on the one that overflows.
    fn divide_signed(&mut self, o: &Op, part: Part, word: bool) -> u8 {
        let (special, done) = (self.asm.new_dynamic_label(), self.asm.new_dynamic_label());
        self.operands(o, word, true);
        // Zero and minus one are the values that are below 2 when 1 is added.
        dynasm!(self.asm
            ; .arch x64
            ; lea rdx, [rcx + 1]
            ; cmp rdx, BYTE 1
            ; jbe =>special
            ; cqo
            ; idiv rcx
        );
        if part == Part::Remainder {
            dynasm!(self.asm; .arch x64; mov rax, rdx);
        }
        dynasm!(self.asm; .arch x64; =>done);
        self.cold(move |e| {
            let zero = e.asm.new_dynamic_label();
            dynasm!(e.asm; .arch x64; =>special; test rcx, rcx; jz =>zero);
            match part {
                Part::Quotient => dynasm!(e.asm; .arch x64; neg rax),
                Part::Remainder => dynasm!(e.asm; .arch x64; xor eax, eax),
            }
            dynasm!(e.asm; .arch x64; jmp =>done; =>zero);
            if part == Part::Quotient {
                dynasm!(e.asm; .arch x64; mov rax, -1);
            }
            dynasm!(e.asm; .arch x64; jmp =>done);
        });
        if word {
            self.extend_word(RAX);
        }
        RAX
    }

    fn divide_unsigned(&mut self, o: &Op, part: Part, word: bool) -> u8 {
        let (zero, done) = (self.asm.new_dynamic_label(), self.asm.new_dynamic_label());
        self.operands(o, word, false);
        dynasm!(self.asm
            ; .arch x64
            ; test rcx, rcx
            ; jz =>zero
            ; xor edx, edx
            ; div rcx
        );
        if part == Part::Remainder {
            dynasm!(self.asm; .arch x64; mov rax, rdx);
        }
        dynasm!(self.asm; .arch x64; =>done);
        self.cold(move |e| {
            dynasm!(e.asm; .arch x64; =>zero);
            if part == Part::Quotient {
                dynasm!(e.asm; .arch x64; mov rax, -1);
            }
            dynasm!(e.asm; .arch x64; jmp =>done);
        });
        if word {
            self.extend_word(RAX);
        }
        RAX
    }
}
