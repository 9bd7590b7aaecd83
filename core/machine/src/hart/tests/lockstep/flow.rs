//! Steps that jump, trap, change the mode, the code, or the translation.

use super::assemble::{csr, i, r, s, Code, Label};
use super::map::{satp, zoo_entry, Paging, ALIAS, CODE, DATA, PATCH, SPACES, ZOO, ZOO_PAGES};
use super::random::Random;
use super::steps::{compressed, destination, instruction, rows, CALLS, TURNS};
use crate::hart::csr::{number as n, status};
use crate::isa::privileged::{
    CSRRC, CSRRCI, CSRRS, CSRRSI, CSRRW, MRET, SFENCE_INVAL_IR, SFENCE_VMA, SFENCE_W_INVAL, SINVAL_VMA, SRET, WFI,
};
use crate::isa::rv64i::{
    ADD, ADDI, AND, ANDI, AUIPC, BEQ, BGE, BGEU, BLT, BLTU, BNE, EBREAK, ECALL, FENCE, FENCE_I, JALR, LD, LHU, LUI, LW,
    OR, SD, SH, SLLI, SW, XOR, XORI,
};
use crate::isa::zb::SH2ADD;

const BRANCHES: [crate::isa::Id; 6] = [BEQ, BNE, BLT, BGE, BLTU, BGEU];

/// A conditional branch, of either length.
pub fn branch(random: &mut Random, code: &mut Code, to: Label) {
    let (a, b) = (random.below(32) as u8, random.below(32) as u8);
    match random.below(4) {
        0 => code.short_branch(random.one_in(2), random.below(8) as u16, to),
        1 => code.branch(random.pick(&BRANCHES), a, random.pick(&[0, a]), to),
        _ => code.branch(random.pick(&BRANCHES), a, b, to),
    }
}

/// An unconditional jump, direct or not.
pub fn jump(random: &mut Random, code: &mut Code, to: Label) {
    let link = random.pick(&[0, 0, 1, 5, 13]);
    match random.below(4) {
        0 => code.short_jump(to),
        1 => code.pair(6, r(JALR, link, 6, 0), to),
        _ => code.jump(link, to),
    }
}

/// A call, which links by `link`.
pub fn call(random: &mut Random, code: &mut Code, link: u8, to: Label) {
    if random.one_in(3) {
        code.pair(7, r(JALR, link, 7, 0), to);
    } else {
        code.jump(link, to);
    }
}

/// A jump through the table at `table`, which has four entries.
pub fn table_jump(random: &mut Random, code: &mut Code, table: Label) {
    code.address(6, table);
    let index = random.below(32) as u8;
    let link = random.pick(&[0, 0, 1, 5]);
    code.words(&[i(ANDI, 7, index, 3), r(SH2ADD, 6, 7, 6), i(LW, 7, 6, 0), r(ADD, 6, 6, 7), r(JALR, link, 6, 0)]);
}

/// Two streams of instructions in the same bytes: a `lui`, and in its upper half a compressed instruction that `inside`
/// is bound to.
pub fn overlap(random: &mut Random, code: &mut Code, inside: Label) {
    let rd = u32::from(destination(random));
    code.bind_ahead(inside, 2);
    code.word(u32::from(compressed(random)) << 16 | (random.next() as u32 & 0xf000) | rd << 7 | r(LUI, 0, 0, 0));
}

/// A jump to where no code can be.
pub fn lost(random: &mut Random, code: &mut Code) {
    let to = random.pick(&[0, CODE - 0x1002, DATA, DATA + 2, 0x9000_0000, ZOO + 0x3000, 1 << 38, 1 << 63, u64::MAX]);
    code.li(6, to);
    code.word(r(JALR, random.pick(&[0, 1]), 6, 0));
}

/// Bytes between two routines among the code that changes, so that they are aligned in every way.
const ROUTINE: u64 = 0x22;
/// A routine that changes itself: it stores `a2` where it executes it.
const OWN: u64 = PATCH + 0x400;
/// A routine that lies in two pages.
const SPLIT: u64 = PATCH + 0x1000 - 2;
const RET: u16 = 0x8082;
const NOP: u32 = 0x0000_0013;
/// What a routine does at first: `addi a0, a0, 1` and `xori a6, a6, 5`.
const BODY: [u32; 2] = [0x0015_0513, 0x0058_4813];

/// The code that changes, as it is at first.
pub fn routines() -> Vec<(u64, Vec<u8>)> {
    let routine = |at: u64| {
        let mut code = Code::new(at);
        code.words(&BODY);
        code.half(RET);
        (at, code.finish())
    };
    let mut own = Code::new(OWN);
    own.words(&[r(AUIPC, 6, 0, 0), s(SW, 12, 6, 16), r(FENCE_I, 0, 0, 0), i(ADDI, 6, 0, 0), NOP]);
    own.half(RET);
    let mut all: Vec<_> = (0..4).map(|k| routine(PATCH + k * ROUTINE)).collect();
    all.extend([routine(SPLIT), (OWN, own.finish())]);
    all
}

/// Change code, to and fro, and call it. Every time, or seldom enough that it becomes hot meanwhile.
pub fn patch(random: &mut Random, code: &mut Code) {
    let routine = random.pick(&[OWN, PATCH, PATCH + ROUTINE, PATCH + 2 * ROUTINE, PATCH + 3 * ROUTINE, SPLIT]);
    let changed = code.label();
    code.word(i(ANDI, 7, TURNS, random.pick(&[0, 1, 7])));
    code.branch(BNE, 7, 0, changed);
    change(random, code, routine);
    code.bind(changed);
    code.word(i(ADDI, CALLS, 0, random.pick(&[1, 3, 30])));
    let again = code.label();
    code.bind(again);
    code.address_of(1, routine);
    code.words(&[r(JALR, 1, 1, 0), i(ADDI, CALLS, CALLS, -1)]);
    code.branch(BLT, 0, CALLS, again);
}

/// Change an instruction of `routine` into another, or back. No register is left that points there: a store by chance would
/// not be fenced.
fn change(random: &mut Random, code: &mut Code, routine: u64) {
    let id = random.pick(&rows());
    let new = match random.below(3) {
        0 => u32::from(compressed(random)) << 16 | u32::from(compressed(random)),
        _ => instruction(random, id),
    };
    if routine == OWN {
        code.address_of(6, OWN + 16);
        code.li(7, u64::from(new ^ NOP));
        return code.words(&[i(LW, 12, 6, 0), r(XOR, 12, 12, 7), i(ADDI, 6, 0, 0)]);
    }
    let word = random.below(2);
    if random.one_in(3) {
        // By another address.
        code.li(6, ZOO + (routine - PATCH) + 4 * word);
    } else {
        code.address_of(6, routine + 4 * word);
    }
    let difference = new ^ BODY[word as usize];
    // Mostly the whole instruction, sometimes its second half alone.
    for (at, half) in [(0, difference as u16), (2, (difference >> 16) as u16)] {
        if at == 2 || !random.one_in(3) {
            code.li(7, u64::from(half));
            code.words(&[i(LHU, 28, 6, at), r(XOR, 7, 7, 28), s(SH, 7, 6, at)]);
        }
    }
    code.words(&[i(ADDI, 6, 0, 0), r(FENCE_I, 0, 0, 0)]);
}

/// A trap, or a fence.
pub fn trap(random: &mut Random, code: &mut Code) {
    match random.below(8) {
        0..=2 => {
            // Of the firmware's calls a timer for now or never is the first.
            let time = random.pick(&[0, -1]);
            code.words(&[i(ADDI, 17, 0, random.below(8) as i64), i(ADDI, 10, 0, time), r(ECALL, 0, 0, 0)]);
        }
        3 => code.word(r(EBREAK, 0, 0, 0)),
        4 => code.half(0x9002),
        5 => code.half(0),
        6 => code.word(random.pick(&[u32::MAX, 0x0000_700b, 0x3000_0073, 0xc001_1073])),
        _ => code.word(random.pick(&[
            r(FENCE, 0, 0, 0) | 0x0ff0_0000,
            r(FENCE_I, 0, 0, 0),
            r(FENCE, 0, 0, 0) | 0x8330_0000,
        ])),
    }
}

/// A return from a trap that was not one, to `to`, in another mode.
pub fn mode_return(random: &mut Random, code: &mut Code, paging: Paging, to: Label) {
    let supervisor = random.one_in(2);
    let (pc, status, shift) = if supervisor { (n::SEPC, n::SSTATUS, 8) } else { (n::MEPC, n::MSTATUS, 11) };
    let mode = random.below(if supervisor { 2 } else { 4 });
    code.address(6, to);
    code.li(7, ALIAS);
    let user = mode == 0 && paging != Paging::Bare;
    if user {
        code.word(r(OR, 6, 6, 7));
    } else if paging != Paging::Bare {
        code.words(&[i(XORI, 7, 7, -1), r(AND, 6, 6, 7)]);
    }
    code.words(&[csr(CSRRW, 0, pc, 6), i(ADDI, 7, 0, if supervisor { 1 } else { 3 }), i(SLLI, 7, 7, shift)]);
    code.words(&[csr(CSRRC, 0, status, 7), i(ADDI, 7, 0, mode as i64), i(SLLI, 7, 7, shift), csr(CSRRS, 0, status, 7)]);
    code.word(r(if supervisor { SRET } else { MRET }, 0, 0, 0));
}

/// Bits of the status registers.
pub fn status_bits(random: &mut Random, code: &mut Code) {
    use status::{FS, MIE, MPIE, MPP, MPRV, MXR, SIE, SPIE, SPP, SUM, TSR, TW};
    // The states "initial" and "clean".
    let (initial, clean) = (1 << 13, 2 << 13);
    let bits =
        random.pick(&[SIE, MIE, SPIE, MPIE, SPP, MPP, FS, FS, initial, clean, MPRV, SUM, SUM, MXR, TW, TSR, SIE | MIE]);
    let number = random.pick(&[n::SSTATUS, n::SSTATUS, n::MSTATUS]);
    let rd = if random.one_in(2) { 0 } else { destination(random) };
    if bits == SIE && random.one_in(2) {
        return code.word(csr(random.pick(&[CSRRSI, CSRRCI]), rd, number, SIE as u8));
    }
    code.li(6, bits);
    // The unit is mostly on.
    let set = if bits == FS { !random.one_in(4) } else { random.one_in(2) };
    code.word(csr(if set { CSRRS } else { CSRRC }, rd, number, 6));
    if random.one_in(3) {
        // And back, as a whole.
        let rd = destination(random);
        code.words(&[csr(CSRRS, 6, n::SSTATUS, 0), csr(random.pick(&[CSRRS, CSRRC, CSRRW]), rd, n::SSTATUS, 6)]);
    }
}

/// Interrupts of software and timers, pending at once or never, and what lets them through.
pub fn interrupt(random: &mut Random, code: &mut Code) {
    match random.below(5) {
        0 => code.words(&[i(ADDI, 6, 0, 2), csr(random.pick(&[CSRRS, CSRRC]), 0, random.pick(&[n::SIP, n::MIP]), 6)]),
        1 => code.words(&[i(ADDI, 6, 0, random.pick(&[0, -1])), csr(CSRRW, 0, n::STIMECMP, 6)]),
        2 => {
            // Asleep until what is pending already, or what can never be, which ends the machine.
            code.words(&[i(ADDI, 6, 0, 2), csr(CSRRS, 0, n::SIE, 6), csr(CSRRS, 0, n::SIP, 6), r(WFI, 0, 0, 0)]);
        }
        _ => {
            let bits = random.pick(&[2, 0x20, 0x22, 8, 0x80, 0x2a, 0xaa]);
            code.words(&[
                i(ADDI, 6, 0, bits),
                csr(random.pick(&[CSRRS, CSRRS, CSRRC]), 0, random.pick(&[n::SIE, n::MIE]), 6),
            ]);
        }
    }
}

/// A page's entry changes, and is fenced as far as it has to be. U-mode cannot do either.
pub fn entry_change(random: &mut Random, code: &mut Code) {
    let (space, page) = (random.below(SPACES), random.below(ZOO_PAGES));
    let bits = random.pick(&[1, 2, 4, 8, 0x10, 0x40, 0x80, 0xc0, 6, 1 << 10, 1 << 11, 1 << 54]);
    code.li(6, zoo_entry(space, page));
    code.li(28, bits);
    code.words(&[i(LD, 7, 6, 0), r(XOR, 7, 7, 28), s(SD, 7, 6, 0)]);
    code.li(6, ZOO + page * 4096 + 8 * random.below(512));
    code.li(7, space + 1);
    let (va, asid) = (random.pick(&[0, 6]), random.pick(&[0, 7]));
    if random.one_in(3) {
        code.words(&[r(SFENCE_W_INVAL, 0, 0, 0), r(SINVAL_VMA, 0, va, asid), r(SFENCE_INVAL_IR, 0, 0, 0)]);
    } else {
        code.word(r(SFENCE_VMA, 0, va, asid));
    }
}

/// Another address space, whose number tells it from the others.
pub fn space_change(random: &mut Random, code: &mut Code, paging: Paging) {
    code.li(6, satp(paging, random.below(SPACES)));
    code.word(csr(CSRRW, random.pick(&[0, 0, 7]), n::SATP, 6));
}
