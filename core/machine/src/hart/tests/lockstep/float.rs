//! Steps of floating point: rounding modes, flags, and runs of arithmetic on few registers, so that results become operands.

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

/// Zeros of both signs, infinities, a NaN, in both formats: where what the host does differs.
const EDGES: [u64; 10] = [
    0,
    1 << 63,
    0xffff_ffff_0000_0000,
    0xffff_ffff_8000_0000,
    0x7ff0_0000_0000_0000,
    0xfff0_0000_0000_0000,
    0xffff_ffff_7f80_0000,
    0xffff_ffff_ff80_0000,
    0x7ff8_0000_0000_0000,
    0xffff_ffff_7fc0_0000,
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
        let value = if random.one_in(2) { random.pick(&EDGES) } else { random.float() };
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
