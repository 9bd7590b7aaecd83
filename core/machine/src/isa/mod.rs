//! The instruction set: one row per instruction, from which decoder, interpreter and disassembler come.
//!
//! Rows lie in one file per extension and are numbered through ([`row::Id`]); [`row`] finds one. Compressed instructions
//! ([`rvc`]) have no semantics of their own: they expand to an operation of another row.

pub mod decode;
mod disassemble;
pub mod format;
pub mod op;
pub mod pattern;
pub mod privileged;
pub mod row;
pub mod rv64a;
pub mod rv64d;
pub mod rv64f;
pub mod rv64i;
pub mod rv64m;
pub mod rvc;
pub mod zb;

#[cfg(test)]
mod tests;

pub use decode::decode;
pub use disassemble::disassemble;
pub use op::{Op, SINK};
pub use row::{Id, Row};

use privileged::pseudo;

/// Number of the first row of each extension.
pub(crate) mod base {
    use super::{privileged, pseudo, rv64a, rv64d, rv64f, rv64i, rv64m, zb};

    pub const PSEUDO: u16 = 0;
    pub const RV64I: u16 = PSEUDO + pseudo::LEN as u16;
    pub const RV64M: u16 = RV64I + rv64i::LEN as u16;
    pub const RV64A: u16 = RV64M + rv64m::LEN as u16;
    pub const RV64F: u16 = RV64A + rv64a::LEN as u16;
    pub const RV64D: u16 = RV64F + rv64f::LEN as u16;
    pub const ZB: u16 = RV64D + rv64d::LEN as u16;
    pub const PRIVILEGED: u16 = ZB + zb::LEN as u16;
    pub const END: u16 = PRIVILEGED + privileged::LEN as u16;
}

/// Number of rows, pseudo-rows included.
pub const COUNT: usize = base::END as usize;

/// The table as a whole.
pub(crate) struct Table {
    parts: [(u16, &'static [Row]); 8],
}

/// Every row.
pub(crate) static ALL: Table = Table {
    parts: [
        (base::PSEUDO, &pseudo::ROWS),
        (base::RV64I, &rv64i::ROWS),
        (base::RV64M, &rv64m::ROWS),
        (base::RV64A, &rv64a::ROWS),
        (base::RV64F, &rv64f::ROWS),
        (base::RV64D, &rv64d::ROWS),
        (base::ZB, &zb::ROWS),
        (base::PRIVILEGED, &privileged::ROWS),
    ],
};

impl Table {
    /// The ids of all rows that words decode to.
    pub fn ids(&self) -> impl Iterator<Item = Id> {
        (base::RV64I..base::END).map(Id)
    }

    pub const fn get(&self, id: Id) -> &'static Row {
        let mut i = self.parts.len() - 1;
        while self.parts[i].0 > id.0 {
            i -= 1;
        }
        &self.parts[i].1[(id.0 - self.parts[i].0) as usize]
    }
}

/// The row called `id`.
///
/// # Panics
/// When `id` was not made by this module.
#[must_use]
pub fn row(id: Id) -> &'static Row {
    ALL.get(id)
}

/// The extensions, single letters first, as the device tree's `riscv,isa-extensions` wants them.
pub const EXTENSIONS: &[&str] = &[
    "i",
    "m",
    "a",
    "f",
    "d",
    "c",
    "zicbom",
    "zicboz",
    "zicntr",
    "zicond",
    "zicsr",
    "zifencei",
    "zihintpause",
    "zihpm",
    "zba",
    "zbb",
    "zbs",
    "sstc",
    "svadu",
    "svinval",
];

/// The extensions as one string, as the device tree's `riscv,isa` wants them.
#[must_use]
pub fn isa_string() -> String {
    EXTENSIONS.iter().fold(String::from("rv64"), |isa, name| {
        let separator = if name.len() > 1 { "_" } else { "" };
        isa + separator + name
    })
}
