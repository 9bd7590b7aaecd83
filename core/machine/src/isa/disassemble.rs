//! Words to assembler text.

use super::decode::{compressed_row, decode, length};
use super::format::Format;
use super::op::{Op, SINK};
use super::privileged::pseudo;

const X: [&str; 32] = [
    "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "s2",
    "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
];
const F: [&str; 32] = [
    "ft0", "ft1", "ft2", "ft3", "ft4", "ft5", "ft6", "ft7", "fs0", "fs1", "fa0", "fa1", "fa2", "fa3", "fa4", "fa5",
    "fa6", "fa7", "fs2", "fs3", "fs4", "fs5", "fs6", "fs7", "fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11",
];

fn x(register: u8) -> &'static str {
    X[if register == SINK { 0 } else { usize::from(register & 31) }]
}

fn f(register: u8) -> &'static str {
    F[usize::from(register & 31)]
}

fn rounding(rm: u8) -> &'static str {
    [", rne", ", rtz", ", rdn", ", rup", ", rmm", ", rm5", ", rm6", ""][usize::from(rm & 7)]
}

/// A set of accesses, as `fence` names it.
fn ordering(bits: i32) -> String {
    let set: String = "iorw".chars().zip([8, 4, 2, 1]).filter(|(_, bit)| bits & bit != 0).map(|(c, _)| c).collect();
    if set.is_empty() {
        "unknown".to_owned()
    } else {
        set
    }
}

/// The text of `word`; compressed instructions are printed as what they stand for. Offsets of jumps and branches are relative (`.+8`).
#[must_use]
pub fn disassemble(word: u32) -> String {
    let op = decode(word);
    if op.id == pseudo::ILLEGAL {
        return if length(word as u16) == 4 {
            format!(".word {word:#010x}")
        } else {
            format!(".half {:#06x}", word & 0xffff)
        };
    }
    let row = super::row(op.id);
    let mnemonic = if op.len == 2 { compressed_row(word).map_or(row.mnemonic, |c| c.mnemonic) } else { row.mnemonic };
    let operands = operands(row.format, &op);
    if operands.is_empty() {
        mnemonic.to_owned()
    } else {
        format!("{mnemonic} {operands}")
    }
}

fn operands(format: Format, o: &Op) -> String {
    let (rd, a, b, i, rm) = (x(o.rd), x(o.rs1), x(o.rs2), o.imm, rounding(o.rm));
    let (fd, fa, fb) = (f(o.rd), f(o.rs1), f(o.rs2));
    match format {
        Format::R => format!("{rd}, {a}, {b}"),
        Format::Unary => format!("{rd}, {a}"),
        Format::I | Format::Shift6 | Format::Shift5 => format!("{rd}, {a}, {i}"),
        Format::Load => format!("{rd}, {i}({a})"),
        Format::Store => format!("{b}, {i}({a})"),
        Format::Branch => format!("{a}, {b}, .{i:+}"),
        Format::Upper => format!("{rd}, {:#x}", i as u32 >> 12),
        Format::Jump => format!("{rd}, .{i:+}"),
        Format::Bare => String::new(),
        Format::Fence => format!("{}, {}", ordering(i >> 4), ordering(i)),
        Format::Sfence => format!("{a}, {b}"),
        Format::Cbo => format!("({a})"),
        Format::Csr => format!("{rd}, {i:#x}, {a}"),
        Format::CsrImm => format!("{rd}, {i:#x}, {}", o.rs1),
        Format::Lr => format!("{rd}, ({a})"),
        Format::Amo => format!("{rd}, {b}, ({a})"),
        Format::FLoad => format!("{fd}, {i}({a})"),
        Format::FStore => format!("{fb}, {i}({a})"),
        Format::FR => format!("{fd}, {fa}, {fb}"),
        Format::FRRm => format!("{fd}, {fa}, {fb}{rm}"),
        Format::FR4 => format!("{fd}, {fa}, {fb}, {}{rm}", f(o.rs3)),
        Format::FUnaryRm => format!("{fd}, {fa}{rm}"),
        Format::FCompare => format!("{rd}, {fa}, {fb}"),
        Format::FToX => format!("{rd}, {fa}"),
        Format::FToXRm => format!("{rd}, {fa}{rm}"),
        Format::XToF => format!("{fd}, {a}"),
        Format::XToFRm => format!("{fd}, {a}{rm}"),
    }
}
