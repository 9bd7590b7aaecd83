//! The trap handlers: they log, then skip the instruction, or leave for the start of the program when there is none.
//! An `ecall` changes the mode; an interrupt is taken once.

use super::assemble::{csr, i, r, s, Code};
use super::map::{CODE, CODE_END, HANDLERS, SAVE_M, SAVE_S};
use crate::hart::csr::number as n;
use crate::isa::privileged::{CSRRC, CSRRS, CSRRW, MRET, SRET};
use crate::isa::rv64i::{
    ADD, ADDI, AND, ANDI, BEQ, BGEU, BLT, BLTU, BNE, LD, LHU, LUI, OR, SD, SLL, SLLI, SRL, SRLI, XORI,
};

/// Offsets in a save area.
const NEXT: i64 = 48;
/// What U-mode's addresses have set.
pub const ALIAS_BIT: u64 = 56;
/// Where the program starts.
pub const START: u64 = 64;
const LOG: i64 = 256;

const T: [u8; 5] = [5, 6, 7, 8, 9];
const AREA: u8 = 31;
const A7: u8 = 17;

struct Names {
    scratch: u16,
    status: u16,
    cause: u16,
    pc: u16,
    value: u16,
    enable: u16,
    pending: u16,
    /// Position and width of the previous mode in the status register.
    mode: (i64, i64),
}

const MACHINE: Names = Names {
    scratch: n::MSCRATCH,
    status: n::MSTATUS,
    cause: n::MCAUSE,
    pc: n::MEPC,
    value: n::MTVAL,
    enable: n::MIE,
    pending: n::MIP,
    mode: (11, 3),
};

const SUPERVISOR: Names = Names {
    scratch: n::SSCRATCH,
    status: n::SSTATUS,
    cause: n::SCAUSE,
    pc: n::SEPC,
    value: n::STVAL,
    enable: n::SIE,
    pending: n::SIP,
    mode: (8, 1),
};

pub const M_HANDLER: u64 = HANDLERS;
pub const S_HANDLER: u64 = HANDLERS + 0x800;

/// Both handlers with the address of each.
pub fn handlers() -> [(u64, Vec<u8>); 2] {
    let mut machine = Code::new(M_HANDLER);
    machine.word(csr(CSRRW, AREA, n::MSCRATCH, AREA));
    // Before memory is touched: MPRV off. `stval` lends its place.
    machine.words(&[
        csr(CSRRW, 0, n::STVAL, 30),
        r(LUI, 30, 0, 0) | 0x20 << 12,
        csr(CSRRC, 0, n::MSTATUS, 30),
        csr(CSRRS, 30, n::STVAL, 0),
    ]);
    handle(&mut machine, &MACHINE);
    machine.word(r(MRET, 0, 0, 0));
    let mut supervisor = Code::new(S_HANDLER);
    supervisor.word(csr(CSRRW, AREA, n::SSCRATCH, AREA));
    handle(&mut supervisor, &SUPERVISOR);
    supervisor.word(r(SRET, 0, 0, 0));
    [(M_HANDLER, machine.finish()), (S_HANDLER, supervisor.finish())]
}

/// Save areas with their addresses, for programs that start at `start`.
pub fn areas(alias: u64, start: u64) -> [(u64, u64); 4] {
    [(SAVE_M + ALIAS_BIT, alias), (SAVE_M + START, start), (SAVE_S + ALIAS_BIT, alias), (SAVE_S + START, start)]
}

fn handle(c: &mut Code, names: &Names) {
    let [cause, pc, value, a, b] = T;
    for (slot, register) in T.into_iter().enumerate() {
        c.word(s(SD, register, AREA, 8 * slot as i64));
    }
    for (register, number) in [(cause, names.cause), (pc, names.pc), (value, names.value)] {
        c.word(csr(CSRRS, register, number, 0));
    }
    // One of 64 places in the log.
    c.words(&[i(LD, a, AREA, NEXT), i(ANDI, b, a, 63), i(ADDI, a, a, 1), s(SD, a, AREA, NEXT), i(SLLI, b, b, 5)]);
    c.words(&[r(ADD, b, b, AREA), s(SD, cause, b, LOG), s(SD, pc, b, LOG + 8), s(SD, value, b, LOG + 16)]);
    c.words(&[csr(CSRRS, a, names.status, 0), s(SD, a, b, LOG + 24)]);

    let [interrupt, lost, call, back, short, inner, done] = std::array::from_fn(|_| c.label());
    c.branch(BLT, cause, 0, interrupt);
    c.li(a, 1 << 0 | 1 << 1 | 1 << 12);
    c.words(&[r(SRL, a, a, cause), i(ANDI, a, a, 1)]);
    c.branch(BNE, a, 0, lost);
    c.words(&[i(ADDI, a, cause, -8), i(ADDI, b, 0, 4)]);
    c.branch(BLTU, a, b, call);
    // The instruction is where S-mode and M-mode see it.
    c.words(&[i(LD, a, AREA, ALIAS_BIT as i64), i(XORI, a, a, -1), r(AND, a, a, pc)]);
    c.li(b, CODE);
    c.branch(BLTU, a, b, lost);
    c.li(b, CODE_END);
    c.branch(BGEU, a, b, lost);
    c.words(&[i(LHU, a, a, 0), i(ANDI, a, a, 3), i(ADDI, a, a, -3), i(ADDI, pc, pc, 2)]);
    c.branch(BNE, a, 0, short);
    c.word(i(ADDI, pc, pc, 2));
    c.bind(short);
    c.jump(0, back);

    c.bind(interrupt);
    c.words(&[i(ADDI, a, 0, 1), r(SLL, a, a, cause)]);
    c.words(&[csr(CSRRC, 0, names.enable, a), csr(CSRRC, 0, names.pending, a)]);
    c.jump(0, back);

    c.bind(lost);
    c.word(i(LD, pc, AREA, START as i64));
    c.jump(0, back);

    let (shift, mask) = names.mode;
    c.bind(call);
    c.words(&[i(ADDI, pc, pc, 4), i(ADDI, b, 0, mask), i(SLLI, b, b, shift), csr(CSRRC, 0, names.status, b)]);
    c.words(&[i(ANDI, a, A7, mask), i(SLLI, a, a, shift), csr(CSRRS, 0, names.status, a)]);

    // To U-mode with its bit, to others without.
    c.bind(back);
    c.words(&[
        csr(CSRRS, a, names.status, 0),
        i(SRLI, a, a, shift),
        i(ANDI, a, a, mask),
        i(LD, b, AREA, ALIAS_BIT as i64),
    ]);
    c.branch(BEQ, a, 0, inner);
    c.words(&[i(XORI, b, b, -1), r(AND, pc, pc, b)]);
    c.jump(0, done);
    c.bind(inner);
    c.word(r(OR, pc, pc, b));
    c.bind(done);
    c.word(csr(CSRRW, 0, names.pc, pc));
    for (slot, register) in T.into_iter().enumerate() {
        c.word(i(LD, register, AREA, 8 * slot as i64));
    }
    c.word(csr(CSRRW, AREA, names.scratch, AREA));
}
