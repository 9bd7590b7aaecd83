//! Steps of floating point: rounding modes, flags, and runs of arithmetic on few registers, so that results become
//! operands.

use super::assemble::{csr, i, r, s, Code};
use super::random::Random;
use super::steps::{destination, register, POINTERS};
use crate::hart::csr::{number as n, status};
use crate::isa::format::Format;
use crate::isa::privileged::{CSRRC, CSRRCI, CSRRS, CSRRSI, CSRRW, CSRRWI};
use crate::isa::rv64d::{FLD, FMV_D_X, FSD};
use crate::isa::rv64f::{FLW, FSW};
use crate::isa::{base, row, Id};

/// Some that the translator keeps in the host's, and some that it does not.
const REGISTERS: [u8; 7] = [0, 8, 10, 15, 7, 20, 31];

/// Zeros of both signs, infinities, a NaN: where what the host does differs. As doubles, and as singles.
const EDGES: [[u64; 5]; 2] = [
    [0, 1 << 63, 0x7ff0_0000_0000_0000, 0xfff0_0000_0000_0000, 0x7ff8_0000_0000_0000],
    [0xffff_ffff_0000_0000, 0xffff_ffff_8000_0000, 0xffff_ffff_7f80_0000, 0xffff_ffff_ff80_0000, 0xffff_ffff_7fc0_0000],
];

/// Rounding mode and flags.
pub fn state(random: &mut Random, code: &mut Code) {
    let number = random.pick(&[n::FFLAGS, n::FRM, n::FRM, n::FCSR]);
    let rd = destination(random);
    if random.one_in(2) {
        let immediate = if number == n::FRM { random.pick(&[0, 1, 2, 3, 4, 4, 5, 7]) } else { register(random) };
        code.word(csr(random.pick(&[CSRRWI, CSRRSI, CSRRCI]), rd, number, immediate));
    } else {
        code.word(csr(random.pick(&[CSRRW, CSRRS, CSRRC, CSRRS]), rd, number, random.pick(&[0, rd])));
    }
}

/// Arithmetic, loads and stores, and looks at the flags.
pub fn run(random: &mut Random, code: &mut Code) {
    if random.one_in(4) {
        return edges(random, code);
    }
    let first = random.pick(&[base::RV64F, base::RV64D]);
    let (mixed, pointer) = (random.one_in(4), random.pick(&POINTERS));
    if random.one_in(4) {
        // Off, initial, clean or dirty.
        code.li(7, status::FS);
        code.word(csr(CSRRC, 0, n::SSTATUS, 7));
        code.li(7, random.below(4) << 13);
        code.word(csr(CSRRS, 0, n::SSTATUS, 7));
    }
    if random.one_in(2) {
        code.word(csr(CSRRWI, 0, n::FRM, random.pick(&[0, 0, 0, 1, 2, 3, 4])));
    }
    for _ in 0..random.below(4) {
        let value = if random.one_in(2) { edge(random) } else { random.float() };
        code.li(7, value);
        code.word(r(FMV_D_X, random.pick(&REGISTERS), 7, 0));
    }
    for _ in 0..3 + random.below(14) {
        let (value, offset) = (random.pick(&REGISTERS), 8 * random.below(8) as i64);
        match random.below(16) {
            0 => code.word(csr(CSRRS, destination(random), random.pick(&[n::FFLAGS, n::FFLAGS, n::FRM, n::FCSR]), 0)),
            1 => {
                let (rd, from) = (random.pick(&[0, 0, 6]), random.pick(&[0, 6, 7]));
                code.word(csr(CSRRW, rd, n::FFLAGS, from));
            }
            2 => code.word(i(random.pick(&[FLD, FLW]), value, pointer, offset)),
            3 => code.word(s(random.pick(&[FSD, FSW]), value, pointer, offset)),
            _ => {
                let first = if mixed { random.pick(&[base::RV64F, base::RV64D]) } else { first };
                let next = if first == base::RV64F { base::RV64D } else { base::ZB };
                let id = Id(first + random.below(u64::from(next - first)) as u16);
                if !matches!(row(id).format, Format::FLoad | Format::FStore) {
                    code.word(arithmetic(random, id));
                }
            }
        }
    }
}

fn edge(random: &mut Random) -> u64 {
    let edges = random.pick(&EDGES);
    random.pick(&edges)
}

/// Every row with two operands on the same two edges.
fn edges(random: &mut Random, code: &mut Code) {
    let (first, next, edges) = random.pick(&[(base::RV64D, base::ZB, EDGES[0]), (base::RV64F, base::RV64D, EDGES[1])]);
    let (a, b) = (random.pick(&[8, 10, 20]), random.pick(&[0, 15, 31]));
    // A destination for each, in the host's registers or not.
    let targets = random.pick(&[[1, 2, 3, 9, 11, 12, 13, 14, 18], [4, 5, 6, 7, 21, 22, 23, 24, 25]]);
    let mut targets = targets.iter();
    for register in [a, b] {
        code.li(7, random.pick(&edges));
        code.word(r(FMV_D_X, register, 7, 0));
    }
    for id in (first..next).map(Id) {
        let rd = match row(id).format {
            Format::FR | Format::FRRm => *targets.next().expect("there are nine"),
            Format::FCompare => 6,
            _ => continue,
        };
        code.word(r(id, rd, a, b) | if row(id).format == Format::FRRm { 7 << 12 } else { 0 });
        if random.one_in(8) {
            code.word(csr(CSRRW, 6, n::FFLAGS, 0));
        }
    }
}

/// Row `id`, which does not access memory, on few registers, the rounding mode mostly dynamic.
fn arithmetic(random: &mut Random, id: Id) -> u32 {
    let row = row(id);
    let (format, mask) = (row.format, row.pattern.mask);
    let mut word = row.pattern.value;
    let mut field = |at: u32, value: u8| word |= (u32::from(value) << at) & !mask;
    let integer = matches!(format, Format::XToF | Format::XToFRm);
    field(7, if format.float_rd() { random.pick(&REGISTERS) } else { destination(random) });
    field(15, if integer { register(random) } else { random.pick(&REGISTERS) });
    field(20, random.pick(&REGISTERS));
    field(27, random.pick(&REGISTERS));
    field(12, random.pick(&[7, 7, 7, 7, 7, 7, 0, 1, 1, 2, 3, 4, 5]));
    word
}
