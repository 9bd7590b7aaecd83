//! Steps that compute and access memory. What they do may be anything that does not depend on time.

use std::ops::RangeInclusive;

use super::assemble::{csr, i, r, s, Code};
use super::map::{CODE, DATA, FORBIDDEN, LAST, METER, RAM_SIZE, READ_ONLY, ZOO, ZOO_CODE as CODE_PAGES, ZOO_PAGES};
use super::random::Random;
use crate::hart::csr::number as n;
use crate::isa::format::Format;
use crate::isa::privileged::{CSRRS, WFI};
use crate::isa::rv64a::{LR_D, LR_W, SC_D, SC_W};
use crate::isa::rv64d::{FLD, FSD};
use crate::isa::rv64f::{FLW, FSW};
use crate::isa::rv64i::{ADDI, BNE, LB, LBU, LD, LH, LHU, LW, LWU, SB, SD, SH, SUB, SW};
use crate::isa::zb::SH1ADD;
use crate::isa::{decode, row, Id, ALL};
use crate::layout::RAM_BASE;

/// Count loops.
pub const COUNTERS: [u8; 3] = [25, 26, 27];
/// Counts how often the program has begun anew.
pub const TURNS: u8 = 24;
/// Counts calls of what changes.
pub const CALLS: u8 = 23;
/// Only what is counted writes these.
pub const RESERVED: RangeInclusive<u8> = CALLS..=27;
/// Mostly point to memory.
pub const POINTERS: [u8; 8] = [2, 8, 9, 10, 11, 12, 14, 15];

/// Numbers of CSRs that may be read and written at random: what the handlers need, and what depends on time, is not there.
const CSRS: [u16; 34] = [
    n::FFLAGS,
    n::FRM,
    n::FCSR,
    n::FFLAGS,
    n::FRM,
    n::FCSR,
    n::INSTRET,
    n::CYCLE,
    n::MINSTRET,
    n::MCYCLE,
    n::MCOUNTINHIBIT,
    n::MCOUNTEREN,
    n::SCOUNTEREN,
    n::MENVCFG,
    n::SENVCFG,
    n::SCAUSE,
    n::STVAL,
    n::SEPC,
    n::MCAUSE,
    n::MTVAL,
    n::MEPC,
    n::MIP,
    n::SIP,
    n::MEDELEG,
    n::MIDELEG,
    n::MHARTID,
    n::MISA,
    n::PMPCFG0,
    n::PMPCFG0 + 2,
    n::PMPADDR0 + 4,
    n::PMPADDR63,
    n::MHPMCOUNTER3,
    0x5c0,
    0xf15,
];

pub fn register(random: &mut Random) -> u8 {
    random.below(32) as u8
}

/// A destination: seldom one that points somewhere, never one that counts.
pub fn destination(random: &mut Random) -> u8 {
    loop {
        let rd = register(random);
        if !RESERVED.contains(&rd) && (!POINTERS.contains(&rd) || random.one_in(4)) {
            return rd;
        }
    }
}

fn is_flow(id: Id) -> bool {
    use crate::isa::privileged::{MRET, SRET};
    use crate::isa::rv64i::{ECALL, JAL, JALR};
    matches!(row(id).format, Format::Branch) || [ECALL, JAL, JALR, MRET, SRET, WFI].contains(&id)
}

/// The rows that steps draw from.
pub fn rows() -> Vec<Id> {
    ALL.ids().filter(|id| !is_flow(*id)).collect()
}

/// Row `id` with random operands.
pub fn instruction(random: &mut Random, id: Id) -> u32 {
    let row = row(id);
    let word = row.pattern.value | random.next() as u32 & !row.pattern.mask;
    let writes_x = !row.format.float_rd() && row.pattern.mask & 0xf80 == 0;
    let stores = matches!(row.format, Format::Store | Format::FStore);
    let word = if writes_x && !stores { word & !0xf80 | u32::from(destination(random)) << 7 } else { word };
    let base = u32::from(random.pick(&POINTERS)) << 15;
    let based = !random.one_in(16);
    match row.format {
        Format::Load | Format::FLoad if based => {
            word & !0xffff_8000 & !(31 << 15) | word & 0x7000 | base | offset(random) << 20
        }
        Format::Store | Format::FStore if based => {
            let o = offset(random);
            word & 0x01f0_707f | base | (o >> 5) << 25 | (o & 31) << 7
        }
        Format::Lr | Format::Amo | Format::Cbo | Format::Sfence if based => word & !(31 << 15) | base,
        Format::Csr | Format::CsrImm => word & 0xf_ffff | u32::from(random.pick(&CSRS)) << 20,
        _ => word,
    }
}

/// A 12-bit offset: mostly small and aligned.
fn offset(random: &mut Random) -> u32 {
    let o = match random.below(4) {
        0 => random.next(),
        1 => random.below(32),
        2 => 8 * random.below(8),
        _ => (8 * random.below(16)).wrapping_sub(64),
    };
    o as u32 & 0xfff
}

/// A compressed instruction that does not jump.
pub fn compressed(random: &mut Random) -> u16 {
    loop {
        let half = random.next() as u16;
        let op = decode(u32::from(half));
        if half & 3 != 3 && !is_flow(op.id) && !RESERVED.contains(&op.rd) && (op.rd != 2 || random.one_in(8)) {
            return half;
        }
    }
}

/// Let `rd` point somewhere, mostly to where loads and stores succeed.
pub fn point(random: &mut Random, code: &mut Code, rd: u8) {
    let in_data = DATA + 8 * random.below(0x800);
    let near_end = DATA + 0x1000 * (1 + random.below(3)) + 8 - 8 * random.below(16);
    match random.below(20) {
        0..=8 => code.address_of(rd, in_data),
        9..=11 => code.address_of(rd, near_end),
        12 => code.address_of(rd, near_end + random.below(8)),
        13 => code.address_of(rd, random.pick(&[READ_ONLY, READ_ONLY - 16, CODE, FORBIDDEN, FORBIDDEN - 32])),
        14 => code.address_of(rd, LAST + 0x1000 - 8 * random.below(12)),
        15 => code.li(rd, METER.base + random.pick(&[0, 8, 0x3c, 0x40, 0x78, 0xfc, 0x100])),
        16 => {
            let wild = [0, RAM_BASE - 8, RAM_BASE + RAM_SIZE, 1 << 38, 1 << 47, !0 << 38, !0 << 47, 1 << 63, !7];
            // The ends of Sv39, and of what may be around a window.
            let beyond = random.pick(&[4, 8, 1 << 19, 1 << 20, 1 << 21, 1 << 30]);
            let sv39 = [(1 << 38) - beyond, (1 << 38) + beyond, (!0 << 38) - beyond, (!0 << 38) + beyond];
            code.li(rd, if random.one_in(2) { random.pick(&wild) } else { random.pick(&sv39) });
        }
        17 => code.li(rd, random.integer()),
        _ => {
            let page = CODE_PAGES + random.below(ZOO_PAGES - CODE_PAGES);
            code.li(rd, ZOO + page * 4096 + 8 * random.below(512) + random.pick(&[0, 0, 0, 4]));
        }
    }
}

/// Loads and stores off one base register, as functions have them when they begin and end.
pub fn memory_run(random: &mut Random, code: &mut Code) {
    let base = random.pick(&POINTERS);
    let first = random.pick(&[0, -64, 8, 40]);
    let loads = random.below(3);
    let odd = random.one_in(8);
    for slot in 0..3 + random.below(6) as i64 {
        let at = first + 8 * slot + i64::from(odd && random.one_in(3));
        let store = loads == 0 || loads == 1 && random.one_in(2);
        let (value, to) = (register(random), if random.one_in(16) { base } else { destination(random) });
        if random.one_in(6) {
            // Something in between, that may also move the base.
            let (rd, a) = (random.pick(&[to, to, base]), random.pick(&[value, base]));
            code.word(random.pick(&[i(ADDI, rd, a, 8), r(SUB, rd, a, value), r(SH1ADD, rd, value, a)]));
        }
        code.word(match (store, random.below(6)) {
            (true, 0) => s(random.pick(&[FSD, FSW]), value, base, at),
            (true, 1) => s(random.pick(&[SB, SH, SW]), value, base, at),
            (true, _) => s(SD, value, base, at),
            (false, 0) => i(random.pick(&[FLD, FLW]), value, base, at),
            (false, 1) => i(random.pick(&[LB, LBU, LH, LHU, LW, LWU]), to, base, at),
            (false, _) => i(LD, to, base, at),
        });
    }
}

/// A counter in memory, added to by load-reserved and store-conditional.
pub fn reserved_loop(random: &mut Random, code: &mut Code) {
    let (lr, sc) = random.pick(&[(LR_W, SC_W), (LR_D, SC_D)]);
    code.address_of(5, DATA + 8 * random.below(64));
    let again = code.label();
    code.bind(again);
    code.word(r(lr, 6, 5, 0));
    if random.one_in(4) {
        // What happens to the reservation is up to the machine, but it has to be the same.
        let store = s(SW, 6, 5, 8 * random.below(3) as i64 - 8);
        code.word(random.pick(&[store, r(lr, 7, 5, 0), i(LD, 7, 5, 8)]));
    }
    code.words(&[i(ADDI, 6, 6, 1), r(sc, 7, 5, 6)]);
    if !random.one_in(4) {
        code.branch(BNE, 7, 0, again);
    }
}

/// Atomics on neighbouring words, seldom where they may not be.
pub fn atomics(random: &mut Random, code: &mut Code) {
    let rows: Vec<_> = ALL.ids().filter(|id| matches!(row(*id).format, Format::Amo | Format::Lr)).collect();
    let at = random.pick(&[0, 0, 0, 0, 4, 1, 0xff8]);
    code.address_of(5, random.pick(&[DATA, DATA, DATA, LAST, READ_ONLY]) + at);
    for _ in 0..2 + random.below(5) {
        let id = random.pick(&rows);
        let word = instruction(random, id) & !(31 << 15);
        code.word(word | 5 << 15);
    }
}

/// How many instructions some instructions are.
pub fn counter(random: &mut Random, code: &mut Code) {
    let number = random.pick(&[n::INSTRET, n::CYCLE, n::MINSTRET, n::MCYCLE]);
    code.word(csr(CSRRS, 28, number, 0));
    let rows = rows();
    for _ in 0..random.below(6) {
        let id = random.pick(&rows);
        code.word(instruction(random, id));
    }
    let rd = destination(random);
    code.words(&[csr(CSRRS, 29, number, 0), r(SUB, rd, 29, 28)]);
}
