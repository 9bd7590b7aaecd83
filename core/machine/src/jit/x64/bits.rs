//! Zba, Zbb, Zbs and Zicond.

use dynasm::dynasm;
use dynasmrt::DynasmApi;

use super::emitter::Emitter;
use super::integer::with;
use super::registers::{Place, RAX, RCX};
use crate::isa::{zb, Op};

/// rd = `$name` rs1.
macro_rules! unary {
    ($e:expr, $o:expr, $name:ident, $family:ident) => {{
        let target = $e.target($o.rd);
        with!($e, $name, $family, target, $o.rs1);
        target
    }};
}

/// rd = a narrow part of rs1, extended.
macro_rules! extend {
    ($e:expr, $o:expr, $name:ident, $to:ident, $from:ident, $size:ident) => {{
        let target = $e.target($o.rd);
        match $e.place($o.rs1) {
            Place::Host(host) => dynasm!($e.asm; .arch x64; $name $to(target), $from(host)),
            Place::Memory(at) => dynasm!($e.asm; .arch x64; $name $to(target), $size [BYTE rbp + at]),
        }
        target
    }};
}

/// rd = rs1 or rs2, by a comparison of the two.
macro_rules! choose {
    ($e:expr, $o:expr, $name:ident) => {{
        $e.load($o.rs1, RAX);
        with!($e, cmp, Rq, RAX, $o.rs2);
        with!($e, $name, Rq, RAX, $o.rs2);
        RAX
    }};
}

/// rd = rs1 with bit rs2 changed.
macro_rules! bit {
    ($e:expr, $o:expr, $name:ident) => {{
        $e.load($o.rs1, RAX);
        let index = $e.read($o.rs2, RCX);
        dynasm!($e.asm; .arch x64; $name rax, Rq(index));
        RAX
    }};
}

/// rd = rs1 with the bit that the immediate names changed.
macro_rules! bit_immediate {
    ($e:expr, $o:expr, $name:ident) => {{
        let target = $e.target($o.rd);
        $e.load($o.rs1, target);
        dynasm!($e.asm; .arch x64; $name Rq(target), BYTE ($o.imm & 63) as i8);
        target
    }};
}

/// rd = rs1 rotated by rs2.
macro_rules! rotate {
    ($e:expr, $o:expr, $name:ident, $family:ident) => {{
        $e.load($o.rs2, RCX);
        $e.load($o.rs1, RAX);
        dynasm!($e.asm; .arch x64; $name $family(RAX), cl);
        RAX
    }};
}

impl Emitter<'_> {
    /// Write `op` if it is one of these.
    pub fn bits(&mut self, op: &Op) -> bool {
        let o = op;
        let result = match o.id {
            zb::SH1ADD => self.shifted_add(o, 1, false),
            zb::SH2ADD => self.shifted_add(o, 2, false),
            zb::SH3ADD => self.shifted_add(o, 3, false),
            zb::ADD_UW => self.shifted_add(o, 0, true),
            zb::SH1ADD_UW => self.shifted_add(o, 1, true),
            zb::SH2ADD_UW => self.shifted_add(o, 2, true),
            zb::SH3ADD_UW => self.shifted_add(o, 3, true),
            zb::SLLI_UW => {
                let target = self.target(o.rd);
                with!(self, mov, Rd, target, o.rs1);
                dynasm!(self.asm; .arch x64; shl Rq(target), BYTE (o.imm & 63) as i8);
                target
            }
            zb::ANDN => {
                // The host negates its first operand.
                let b = self.read(o.rs2, RCX);
                let target = self.target(o.rd);
                match self.place(o.rs1) {
                    Place::Host(a) => dynasm!(self.asm; .arch x64; andn Rq(target), Rq(b), Rq(a)),
                    Place::Memory(a) => dynasm!(self.asm; .arch x64; andn Rq(target), Rq(b), [BYTE rbp + a]),
                }
                target
            }
            zb::ORN => {
                self.load(o.rs2, RAX);
                dynasm!(self.asm; .arch x64; not rax);
                with!(self, or, Rq, RAX, o.rs1);
                RAX
            }
            zb::XNOR => {
                self.load(o.rs2, RAX);
                dynasm!(self.asm; .arch x64; not rax);
                with!(self, xor, Rq, RAX, o.rs1);
                RAX
            }
            zb::CLZ => unary!(self, o, lzcnt, Rq),
            zb::CTZ => unary!(self, o, tzcnt, Rq),
            zb::CPOP => unary!(self, o, popcnt, Rq),
            zb::CLZW => unary!(self, o, lzcnt, Rd),
            zb::CTZW => unary!(self, o, tzcnt, Rd),
            zb::CPOPW => unary!(self, o, popcnt, Rd),
            zb::SEXT_B => extend!(self, o, movsx, Rq, Rb, BYTE),
            zb::SEXT_H => extend!(self, o, movsx, Rq, Rw, WORD),
            zb::ZEXT_H => extend!(self, o, movzx, Rd, Rw, WORD),
            zb::ORC_B => self.combine_bytes(o),
            zb::REV8 => {
                let target = self.target(o.rd);
                self.load(o.rs1, target);
                dynasm!(self.asm; .arch x64; bswap Rq(target));
                target
            }
            zb::MAX => choose!(self, o, cmovl),
            zb::MAXU => choose!(self, o, cmovb),
            zb::MIN => choose!(self, o, cmovg),
            zb::MINU => choose!(self, o, cmova),
            zb::ROL => rotate!(self, o, rol, Rq),
            zb::ROR => rotate!(self, o, ror, Rq),
            zb::RORI => {
                let target = self.target(o.rd);
                self.load(o.rs1, target);
                dynasm!(self.asm; .arch x64; ror Rq(target), BYTE (o.imm & 63) as i8);
                target
            }
            zb::ROLW => {
                let target = rotate!(self, o, rol, Rd);
                self.word_result(o, target)
            }
            zb::RORW => {
                let target = rotate!(self, o, ror, Rd);
                self.word_result(o, target)
            }
            zb::RORIW => {
                let target = self.target(o.rd);
                self.load(o.rs1, target);
                dynasm!(self.asm; .arch x64; ror Rd(target), BYTE (o.imm & 31) as i8);
                self.word_result(o, target)
            }
            zb::BCLR => bit!(self, o, btr),
            zb::BINV => bit!(self, o, btc),
            zb::BSET => bit!(self, o, bts),
            zb::BCLRI => bit_immediate!(self, o, btr),
            zb::BINVI => bit_immediate!(self, o, btc),
            zb::BSETI => bit_immediate!(self, o, bts),
            zb::BEXT => {
                let index = self.read(o.rs2, RCX);
                let target = self.target(o.rd);
                match self.place(o.rs1) {
                    Place::Host(a) => dynasm!(self.asm; .arch x64; shrx Rq(target), Rq(a), Rq(index)),
                    Place::Memory(a) => dynasm!(self.asm; .arch x64; shrx Rq(target), [BYTE rbp + a], Rq(index)),
                }
                dynasm!(self.asm; .arch x64; and Rd(target), BYTE 1);
                target
            }
            zb::BEXTI => {
                let target = self.target(o.rd);
                self.load(o.rs1, target);
                dynasm!(self.asm; .arch x64; shr Rq(target), BYTE (o.imm & 63) as i8; and Rd(target), BYTE 1);
                target
            }
            zb::CZERO_EQZ | zb::CZERO_NEZ => {
                self.load(o.rs1, RAX);
                let condition = self.read(o.rs2, RCX);
                dynasm!(self.asm; .arch x64; mov edx, 0; test Rq(condition), Rq(condition));
                if o.id == zb::CZERO_EQZ {
                    dynasm!(self.asm; .arch x64; cmovz rax, rdx);
                } else {
                    dynasm!(self.asm; .arch x64; cmovnz rax, rdx);
                }
                RAX
            }
            _ => return false,
        };
        self.write(o.rd, result);
        true
    }

    /// rd = (rs1 << shift) + rs2, of rs1 only the low word when `word`.
    fn shifted_add(&mut self, o: &Op, shift: u8, word: bool) -> u8 {
        if word {
            with!(self, mov, Rd, RAX, o.rs1);
        } else {
            self.load(o.rs1, RAX);
        }
        let b = self.read(o.rs2, RCX);
        let target = self.target(o.rd);
        match shift {
            0 => dynasm!(self.asm; .arch x64; lea Rq(target), [rax + Rq(b)]),
            1 => dynasm!(self.asm; .arch x64; lea Rq(target), [rax * 2 + Rq(b)]),
            2 => dynasm!(self.asm; .arch x64; lea Rq(target), [rax * 4 + Rq(b)]),
            _ => dynasm!(self.asm; .arch x64; lea Rq(target), [rax * 8 + Rq(b)]),
        }
        target
    }

    /// Bytes that are not zero become all ones: bit 7 of each says whether, then it is spread by a multiplication.
    fn combine_bytes(&mut self, o: &Op) -> u8 {
        self.load(o.rs1, RAX);
        dynasm!(self.asm
            ; .arch x64
            ; mov rcx, QWORD 0x7f7f_7f7f_7f7f_7f7f
            ; mov rdx, rax
            ; and rdx, rcx
            ; add rdx, rcx
            ; or rax, rdx
            ; not rcx
            ; and rax, rcx
            ; shr rax, BYTE 7
            ; imul rax, rax, 255
        );
        RAX
    }
}

/// Whether the code of `op` uses `rdx`.
pub(super) fn uses_pointer(op: &Op) -> bool {
    matches!(op.id, zb::ORC_B | zb::CZERO_EQZ | zb::CZERO_NEZ)
}
