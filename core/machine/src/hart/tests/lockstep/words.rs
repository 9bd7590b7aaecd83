//! Loops over numbers of 32 bits, and the pairs of instructions that stand for one: what a translator takes short cuts with.

use super::assemble::{i, r, s, Code, Label};
use super::random::Random;
use super::steps::{CALLS, POINTERS};
use crate::hart::csr::number as n;
use crate::isa::privileged::{CSRRCI, CSRRSI};
use crate::isa::rv64i::{
    ADD, ADDI, ADDIW, ADDW, AND, ANDI, AUIPC, BEQ, BGE, BGEU, BLT, BLTU, BNE, JALR, LBU, LD, LH, LUI, LW, LWU, OR, ORI,
    SB, SD, SLLI, SLLIW, SLLW, SLT, SLTU, SRAI, SRAIW, SRAW, SRL, SRLI, SRLIW, SUBW, SW, XOR, XORI,
};
use crate::isa::rv64m::{DIVW, MUL, MULW, REMUW};
use crate::isa::zb::{ADD_UW, ANDN, CPOPW, RORIW, SEXT_H, SH2ADD_UW};

/// Registers that no step relies on.
const FREE: [u8; 12] = [5, 6, 7, 13, 16, 17, 18, 19, 28, 29, 30, 31];

/// A loop over a few registers, which leads to `out` from its middle now and then.
pub fn word_loop(random: &mut Random, code: &mut Code, out: Label) {
    let words: Vec<u8> = (0..4).map(|_| random.pick(&FREE)).collect();
    for word in &words {
        match random.below(4) {
            0 => code.li(*word, random.integer()),
            1 | 2 => code.li(*word, random.integer() as i32 as i64 as u64),
            _ => {}
        }
    }
    code.word(i(ADDI, CALLS, 0, random.pick(&[1, 2, 40])));
    let top = code.label();
    code.bind(top);
    for _ in 0..1 + random.below(7) {
        let [a, b, c] = std::array::from_fn(|_| random.pick(&words));
        match random.below(14) {
            12 => enable(random, code, a, b),
            13 => apart(random, code, a, b),
            0 => skip(random, code, a, b),
            1 if random.one_in(4) => through(code),
            1 => code.branch(random.pick(&[BEQ, BLT, BGEU]), a, random.pick(&[0, b]), out),
            2 => pair(random, code, a, b),
            3 => access(random, code, a),
            _ => compute(random, code, a, b, c),
        }
    }
    code.word(i(ADDI, CALLS, CALLS, -1));
    let (a, b) = (random.pick(&words), random.pick(&words));
    match random.below(3) {
        0 => {
            // The loop ends in its middle, too.
            let end = code.label();
            code.branch(random.pick(&[BEQ, BGE, BLTU]), a, random.pick(&[0, b]), end);
            code.branch(BLT, 0, CALLS, top);
            code.bind(end);
        }
        1 => code.branch(BLT, 0, CALLS, top),
        _ => {
            let end = code.label();
            code.branch(BGE, 0, CALLS, end);
            code.jump(0, top);
            code.bind(end);
        }
    }
}

/// An interrupt that becomes pending and is let through.
fn enable(random: &mut Random, code: &mut Code, a: u8, b: u8) {
    if random.one_in(2) {
        code.words(&[i(CSRRSI, 0, 2, i64::from(n::SIE)), i(CSRRSI, 0, 2, i64::from(n::SIP))]);
    }
    code.word(r(random.pick(&[ADDW, SUBW, MULW]), a, a, b));
    code.word(i(CSRRSI, random.pick(&[0, 0, b]), 2, i64::from(n::SSTATUS)));
    if random.one_in(2) {
        code.word(i(CSRRCI, 0, 2, i64::from(n::SSTATUS)));
    }
}

/// Accesses off one register, and in their midst what is no access.
fn apart(random: &mut Random, code: &mut Code, a: u8, b: u8) {
    let (base, at) = (random.pick(&POINTERS), 8 * random.below(8) as i64);
    code.word(i(random.pick(&[LW, LBU, LD]), b, base, at));
    match random.below(3) {
        0 => pair(random, code, a, b),
        1 => code.word(r(random.pick(&[ADDW, SUBW]), a, a, b)),
        _ => code.words(&[r(LUI, a, 0, 0) | 0x8_0000 << 12, i(ADDIW, a, a, 1)]),
    }
    code.word(i(random.pick(&[LW, LH, LWU]), random.pick(&[a, b]), base, at + random.pick(&[8, 16, -64])));
}

/// An indirect jump to what is next.
fn through(code: &mut Code) {
    let next = code.label();
    code.pair(CALLS - 1, r(JALR, 0, CALLS - 1, 0), next);
    code.bind(next);
}

/// A branch over an instruction, sometimes by what has just been computed and something that may be no word.
fn skip(random: &mut Random, code: &mut Code, a: u8, b: u8) {
    let label = code.label();
    if random.one_in(2) {
        let base = random.pick(&POINTERS);
        code.word(r(random.pick(&[ADDW, MULW]), a, a, b));
        code.word(random.pick(&[i(LWU, b, base, 0), i(SRLI, b, b, 32), r(ADD_UW, b, b, 0)]));
    }
    code.branch(random.pick(&[BEQ, BNE, BLT, BGE, BLTU, BGEU]), a, random.pick(&[0, b]), label);
    code.word(random.pick(&[r(ADDW, a, a, b), i(ADDIW, b, a, -1), r(ADD, a, 0, b), r(XOR, a, a, b), i(LUI, a, 0, 7)]));
    code.bind(label);
}

fn compute(random: &mut Random, code: &mut Code, a: u8, b: u8, c: u8) {
    let number = random.pick(&[-1, 0, 1, 7, 255, -2048, 2047]);
    let amount = random.below(32) as i64;
    let narrow = [ADDW, SUBW, MULW, SLLW, SRAW, DIVW, REMUW, AND, OR, XOR];
    let wide = [ADD, MUL, SLT, SLTU, SRL, ADD_UW, SH2ADD_UW, ANDN];
    code.word(match random.below(10) {
        0..=3 => r(random.pick(&narrow), a, b, c),
        4 => i(random.pick(&[ADDIW, ANDI, ORI, XORI]), a, b, number),
        5 => i(random.pick(&[SLLIW, SRLIW]), a, b, amount),
        6 => random.pick(&[
            i(SRAIW, a, b, 1024 + amount),
            i(RORIW, a, b, 0x600 + amount),
            r(SEXT_H, a, b, 0),
            r(CPOPW, a, b, 0),
        ]),
        7 => random.pick(&[r(ADD, a, 0, b), i(ADDI, a, b, 0), i(ADDIW, a, b, 0), i(ADDI, a, 0, number)]),
        8 => i(SLLI, a, b, 32 + amount),
        _ => r(random.pick(&wide), a, b, c),
    });
}

/// Two instructions that together are a narrow part of a register, a constant or an address.
fn pair(random: &mut Random, code: &mut Code, a: u8, b: u8) {
    let left = random.pick(&[32, 32, 48, 48, 56, 40]);
    let right = random.pick(&[left, left, left - 2, left + 3]);
    let number = random.pick(&[-1, 1, 2047, -2048]);
    let page = random.pick(&[0, 1 << 12, 0x7_ffff << 12, 0x8_0000 << 12]);
    let upper = |id| r(id, a, 0, 0) | page;
    code.words(&match random.below(6) {
        0 | 1 => [i(SLLI, a, b, left), i(SRLI, a, a, right)],
        2 | 3 => [i(SLLI, a, b, left), i(SRAI, a, a, 1024 + right)],
        4 => [upper(LUI), i(random.pick(&[ADDI, ADDIW]), a, a, number)],
        _ => [upper(AUIPC), i(ADDI, a, a, number)],
    });
}

fn access(random: &mut Random, code: &mut Code, a: u8) {
    let (base, at) = (random.pick(&POINTERS), 8 * random.below(8) as i64);
    code.word(match random.below(2) {
        0 => i(random.pick(&[LW, LBU, LH, LWU, LD]), a, base, at),
        _ => s(random.pick(&[SB, SW, SD]), a, base, at),
    });
}
