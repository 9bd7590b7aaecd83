//! C: compressed instructions, each expanding to an operation of another row.
//!
//! Source: unprivileged specification, "C" extension, "RVC Instruction Set Listings". Reserved encodings expand to `None`;
//! hints expand to the operation that they are a hint of, which then writes `x0` or changes nothing.

use super::op::{Op, SINK};
use super::pattern::Pattern;
use super::row::Id;
use super::{rv64d, rv64i};

/// A compressed instruction. A row whose pattern refines another's takes precedence over it.
pub struct Compressed {
    /// Assembler mnemonic.
    pub mnemonic: &'static str,
    /// Fixed bits of the 16-bit word.
    pub pattern: Pattern,
    /// The operation it stands for; `None` for reserved encodings.
    pub expand: fn(u32) -> Option<Op>,
}

const fn field(w: u32, low: u32, count: u32, to: u32) -> i32 {
    ((w >> low & ((1 << count) - 1)) << to) as i32
}

/// Full register field at bits 11:7.
const fn r1(w: u32) -> u8 {
    field(w, 7, 5, 0) as u8
}

/// Full register field at bits 6:2.
const fn r2(w: u32) -> u8 {
    field(w, 2, 5, 0) as u8
}

/// Short register field at bits 9:7.
const fn s1(w: u32) -> u8 {
    8 + field(w, 7, 3, 0) as u8
}

/// Short register field at bits 4:2.
const fn s2(w: u32) -> u8 {
    8 + field(w, 2, 3, 0) as u8
}

/// Six-bit signed immediate.
const fn imm6(w: u32) -> i32 {
    (field(w, 12, 1, 5) | field(w, 2, 5, 0)) << 26 >> 26
}

/// Six-bit shift amount.
const fn shamt(w: u32) -> i32 {
    field(w, 12, 1, 5) | field(w, 2, 5, 0)
}

/// Offset of word loads and stores.
const fn offset_w(w: u32) -> i32 {
    field(w, 10, 3, 3) | field(w, 6, 1, 2) | field(w, 5, 1, 6)
}

/// Offset of doubleword loads and stores.
const fn offset_d(w: u32) -> i32 {
    field(w, 10, 3, 3) | field(w, 5, 2, 6)
}

/// Offset of doubleword loads from the stack.
const fn stack_load_d(w: u32) -> i32 {
    field(w, 12, 1, 5) | field(w, 5, 2, 3) | field(w, 2, 3, 6)
}

/// Offset of doubleword stores to the stack.
const fn stack_store_d(w: u32) -> i32 {
    field(w, 10, 3, 3) | field(w, 7, 3, 6)
}

const fn offset_branch(w: u32) -> i32 {
    let raw = field(w, 12, 1, 8) | field(w, 10, 2, 3) | field(w, 5, 2, 6) | field(w, 3, 2, 1) | field(w, 2, 1, 5);
    raw << 23 >> 23
}

const fn offset_jump(w: u32) -> i32 {
    let raw = field(w, 12, 1, 11)
        | field(w, 11, 1, 4)
        | field(w, 9, 2, 8)
        | field(w, 8, 1, 10)
        | field(w, 7, 1, 6)
        | field(w, 6, 1, 7)
        | field(w, 3, 3, 1)
        | field(w, 2, 1, 5);
    raw << 20 >> 20
}

/// The operation with integer destination `rd`.
const fn op(id: Id, rd: u8, rs1: u8, rs2: u8, imm: i32) -> Option<Op> {
    let rd = if rd == 0 { SINK } else { rd };
    Some(Op { imm, id, rd, rs1, rs2, rs3: 0, rm: 0, len: 2 })
}

/// The operation with floating-point destination `rd`.
const fn fop(id: Id, rd: u8, rs1: u8, imm: i32) -> Option<Op> {
    Some(Op { imm, id, rd, rs1, rs2: 0, rs3: 0, rm: 0, len: 2 })
}

const fn when(condition: bool, op: Option<Op>) -> Option<Op> {
    if condition {
        op
    } else {
        None
    }
}

macro_rules! compressed {
    ($($mnemonic:literal $pattern:literal |$w:ident| $expansion:expr;)*) => {
        /// Every compressed instruction.
        pub static ROWS: &[Compressed] = &[
            $(Compressed { mnemonic: $mnemonic, pattern: Pattern::new($pattern, 16), expand: |$w| $expansion },)*
        ];
    };
}

compressed! {
    "c.addi4spn" "000 ........ ... 00" |w| {
        let imm = field(w, 11, 2, 4) | field(w, 7, 4, 6) | field(w, 6, 1, 2) | field(w, 5, 1, 3);
        when(imm != 0, op(rv64i::ADDI, s2(w), 2, 0, imm))
    };
    "c.fld"      "001 ... ... .. ... 00" |w| fop(rv64d::FLD, s2(w), s1(w), offset_d(w));
    "c.lw"       "010 ... ... .. ... 00" |w| op(rv64i::LW, s2(w), s1(w), 0, offset_w(w));
    "c.ld"       "011 ... ... .. ... 00" |w| op(rv64i::LD, s2(w), s1(w), 0, offset_d(w));
    "c.fsd"      "101 ... ... .. ... 00" |w| op(rv64d::FSD, 0, s1(w), s2(w), offset_d(w));
    "c.sw"       "110 ... ... .. ... 00" |w| op(rv64i::SW, 0, s1(w), s2(w), offset_w(w));
    "c.sd"       "111 ... ... .. ... 00" |w| op(rv64i::SD, 0, s1(w), s2(w), offset_d(w));

    "c.addi"     "000 . ..... ..... 01" |w| op(rv64i::ADDI, r1(w), r1(w), 0, imm6(w));
    "c.addiw"    "001 . ..... ..... 01" |w| when(r1(w) != 0, op(rv64i::ADDIW, r1(w), r1(w), 0, imm6(w)));
    "c.li"       "010 . ..... ..... 01" |w| op(rv64i::ADDI, r1(w), 0, 0, imm6(w));
    "c.lui"      "011 . ..... ..... 01" |w| when(imm6(w) != 0, op(rv64i::LUI, r1(w), 0, 0, imm6(w) << 12));
    "c.addi16sp" "011 . 00010 ..... 01" |w| {
        let raw = field(w, 12, 1, 9) | field(w, 6, 1, 4) | field(w, 5, 1, 6) | field(w, 3, 2, 7) | field(w, 2, 1, 5);
        when(raw != 0, op(rv64i::ADDI, 2, 2, 0, raw << 22 >> 22))
    };
    "c.srli"     "100 . 00 ... ..... 01" |w| op(rv64i::SRLI, s1(w), s1(w), 0, shamt(w));
    "c.srai"     "100 . 01 ... ..... 01" |w| op(rv64i::SRAI, s1(w), s1(w), 0, shamt(w));
    "c.andi"     "100 . 10 ... ..... 01" |w| op(rv64i::ANDI, s1(w), s1(w), 0, imm6(w));
    "c.sub"      "100 0 11 ... 00 ... 01" |w| op(rv64i::SUB, s1(w), s1(w), s2(w), 0);
    "c.xor"      "100 0 11 ... 01 ... 01" |w| op(rv64i::XOR, s1(w), s1(w), s2(w), 0);
    "c.or"       "100 0 11 ... 10 ... 01" |w| op(rv64i::OR, s1(w), s1(w), s2(w), 0);
    "c.and"      "100 0 11 ... 11 ... 01" |w| op(rv64i::AND, s1(w), s1(w), s2(w), 0);
    "c.subw"     "100 1 11 ... 00 ... 01" |w| op(rv64i::SUBW, s1(w), s1(w), s2(w), 0);
    "c.addw"     "100 1 11 ... 01 ... 01" |w| op(rv64i::ADDW, s1(w), s1(w), s2(w), 0);
    "c.j"        "101 ........... 01" |w| op(rv64i::JAL, 0, 0, 0, offset_jump(w));
    "c.beqz"     "110 ... ... ..... 01" |w| op(rv64i::BEQ, 0, s1(w), 0, offset_branch(w));
    "c.bnez"     "111 ... ... ..... 01" |w| op(rv64i::BNE, 0, s1(w), 0, offset_branch(w));

    "c.slli"     "000 . ..... ..... 10" |w| op(rv64i::SLLI, r1(w), r1(w), 0, shamt(w));
    "c.fldsp"    "001 . ..... ..... 10" |w| fop(rv64d::FLD, r1(w), 2, stack_load_d(w));
    "c.lwsp"     "010 . ..... ..... 10" |w| {
        let offset = field(w, 12, 1, 5) | field(w, 4, 3, 2) | field(w, 2, 2, 6);
        when(r1(w) != 0, op(rv64i::LW, r1(w), 2, 0, offset))
    };
    "c.ldsp"     "011 . ..... ..... 10" |w| when(r1(w) != 0, op(rv64i::LD, r1(w), 2, 0, stack_load_d(w)));
    "c.mv"       "100 0 ..... ..... 10" |w| op(rv64i::ADD, r1(w), 0, r2(w), 0);
    "c.jr"       "100 0 ..... 00000 10" |w| when(r1(w) != 0, op(rv64i::JALR, 0, r1(w), 0, 0));
    "c.add"      "100 1 ..... ..... 10" |w| op(rv64i::ADD, r1(w), r1(w), r2(w), 0);
    "c.jalr"     "100 1 ..... 00000 10" |w| op(rv64i::JALR, 1, r1(w), 0, 0);
    "c.ebreak"   "100 1 00000 00000 10" |_w| Some(Op::bare(rv64i::EBREAK, 2));
    "c.fsdsp"    "101 ...... ..... 10" |w| op(rv64d::FSD, 0, 2, r2(w), stack_store_d(w));
    "c.swsp"     "110 ...... ..... 10" |w| op(rv64i::SW, 0, 2, r2(w), field(w, 9, 4, 2) | field(w, 7, 2, 6));
    "c.sdsp"     "111 ...... ..... 10" |w| op(rv64i::SD, 0, 2, r2(w), stack_store_d(w));
}
