//! Words to operations, by buckets of candidates that are made once from the table.

use std::sync::LazyLock;

use super::op::Op;
use super::privileged::pseudo;
use super::row::Id;
use super::{rvc, ALL};

/// Rows by major opcode and funct3 (or, for compressed words, by quadrant and funct3).
struct Buckets {
    full: Vec<Vec<Id>>,
    compressed: Vec<Vec<usize>>,
}

/// Bits that choose the bucket of a 32-bit word: opcode 6:2 and funct3.
const fn bucket(word: u32) -> usize {
    (word >> 2 & 31 | (word >> 12 & 7) << 5) as usize
}

const fn bucket16(word: u32) -> usize {
    (word & 3 | (word >> 13 & 7) << 2) as usize
}

static BUCKETS: LazyLock<Buckets> = LazyLock::new(|| {
    const FULL: u32 = 0b111 << 12 | 0b1_1111 << 2;
    const COMPRESSED: u32 = 0b111 << 13 | 3;
    let full = (0..256u32)
        .map(|b| {
            let sample = (b & 31) << 2 | (b >> 5) << 12;
            let fits = |id: &Id| {
                let p = super::row(*id).pattern;
                (p.value ^ sample) & p.mask & FULL == 0
            };
            ALL.ids().filter(fits).collect()
        })
        .collect();
    let compressed = (0..32u32)
        .map(|b| {
            let sample = b & 3 | (b >> 2) << 13;
            let fits = |i: &usize| {
                let p = rvc::ROWS[*i].pattern;
                (p.value ^ sample) & p.mask & COMPRESSED == 0
            };
            let mut rows: Vec<usize> = (0..rvc::ROWS.len()).filter(fits).collect();
            rows.sort_by_key(|i| std::cmp::Reverse(rvc::ROWS[*i].pattern.mask.count_ones()));
            rows
        })
        .collect();
    Buckets { full, compressed }
});

/// Length in bytes of the instruction that begins with `half`.
#[must_use]
#[inline]
pub const fn length(half: u16) -> u8 {
    if half & 3 == 3 {
        4
    } else {
        2
    }
}

/// Decode the instruction at the start of `word`; of a compressed one only the low 16 bits are looked at.
///
/// Words that are no instruction decode to [`pseudo::ILLEGAL`].
#[must_use]
pub fn decode(word: u32) -> Op {
    let len = length(word as u16);
    let found = if len == 4 { decode32(word) } else { decode16(word & 0xffff) };
    found.unwrap_or(Op::bare(pseudo::ILLEGAL, len))
}

fn decode32(word: u32) -> Option<Op> {
    let id = *BUCKETS.full[bucket(word)].iter().find(|id| super::row(**id).pattern.matches(word))?;
    Some(super::row(id).format.operands(id, word))
}

fn decode16(word: u32) -> Option<Op> {
    compressed_row(word).and_then(|row| (row.expand)(word))
}

/// The row of a compressed word.
pub(super) fn compressed_row(word: u32) -> Option<&'static rvc::Compressed> {
    BUCKETS.compressed[bucket16(word)].iter().map(|i| &rvc::ROWS[*i]).find(|row| row.pattern.matches(word & 0xffff))
}
