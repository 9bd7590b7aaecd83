//! An assembler in memory: instruction words, labels, and what has to be patched once all labels are known.

use crate::isa::{row, rv64i, Id};

/// A place in the code.
#[derive(Clone, Copy)]
pub struct Label(usize);

/// How an instruction reaches its target.
#[derive(Clone, Copy)]
enum Reach {
    /// Conditional branch.
    Branch,
    /// `jal`.
    Jump,
    /// `auipc` and the immediate of the instruction behind it.
    Pair,
    /// Compressed branch.
    ShortBranch,
    /// Compressed jump.
    ShortJump,
    /// A word of data: the distance from where it lies.
    Distance,
}

#[derive(Clone, Copy)]
enum Target {
    Label(Label),
    Address(u64),
}

struct Fix {
    at: usize,
    reach: Reach,
    target: Target,
}

/// Code that grows from `base` on.
pub struct Code {
    base: u64,
    bytes: Vec<u8>,
    labels: Vec<Option<u64>>,
    fixes: Vec<Fix>,
}

const C_NOP: u16 = 1;

pub fn r(id: Id, rd: u8, rs1: u8, rs2: u8) -> u32 {
    row(id).pattern.value | u32::from(rd) << 7 | u32::from(rs1) << 15 | u32::from(rs2) << 20
}

pub fn i(id: Id, rd: u8, rs1: u8, imm: i64) -> u32 {
    r(id, rd, rs1, 0) | (imm as u32) << 20
}

pub fn s(id: Id, rs2: u8, rs1: u8, imm: i64) -> u32 {
    r(id, 0, rs1, rs2) | (imm as u32 >> 5 & 0x7f) << 25 | (imm as u32 & 31) << 7
}

/// `csrrw` and its kin.
pub fn csr(id: Id, rd: u8, number: u16, rs1: u8) -> u32 {
    i(id, rd, rs1, i64::from(number))
}

impl Code {
    pub fn new(base: u64) -> Self {
        Self { base, bytes: Vec::new(), labels: Vec::new(), fixes: Vec::new() }
    }

    /// Address of what is emitted next.
    pub fn here(&self) -> u64 {
        self.base + self.bytes.len() as u64
    }

    pub fn half(&mut self, half: u16) {
        self.bytes.extend(half.to_le_bytes());
    }

    pub fn word(&mut self, word: u32) {
        self.bytes.extend(word.to_le_bytes());
    }

    pub fn words(&mut self, words: &[u32]) {
        words.iter().for_each(|word| self.word(*word));
    }

    /// A label that is bound later.
    pub fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    pub fn bind(&mut self, label: Label) {
        self.bind_ahead(label, 0);
    }

    /// Bind `label` to `bytes` behind here.
    pub fn bind_ahead(&mut self, label: Label, bytes: u64) {
        self.labels[label.0] = Some(self.here() + bytes);
    }

    fn fix(&mut self, reach: Reach, target: Target) {
        self.fixes.push(Fix { at: self.bytes.len(), reach, target });
    }

    pub fn branch(&mut self, id: Id, rs1: u8, rs2: u8, to: Label) {
        self.fix(Reach::Branch, Target::Label(to));
        self.word(r(id, 0, rs1, rs2));
    }

    pub fn jump(&mut self, rd: u8, to: Label) {
        self.fix(Reach::Jump, Target::Label(to));
        self.word(r(rv64i::JAL, rd, 0, 0));
    }

    /// `c.beqz` or `c.bnez` of x8 + `short`.
    pub fn short_branch(&mut self, not: bool, short: u16, to: Label) {
        self.fix(Reach::ShortBranch, Target::Label(to));
        self.half(if not { 0xe001 } else { 0xc001 } | short << 7);
    }

    /// `c.j`.
    pub fn short_jump(&mut self, to: Label) {
        self.fix(Reach::ShortJump, Target::Label(to));
        self.half(0xa001);
    }

    /// `auipc base` and `word`, an I-type instruction without immediate, such that base + immediate is `to`.
    pub fn pair(&mut self, base: u8, word: u32, to: Label) {
        self.fix(Reach::Pair, Target::Label(to));
        self.words(&[r(rv64i::AUIPC, base, 0, 0), word]);
    }

    /// A word of data: how far `to` is from it.
    pub fn distance(&mut self, to: Label) {
        self.fix(Reach::Distance, Target::Label(to));
        self.word(0);
    }

    /// The address of `to`.
    pub fn address(&mut self, rd: u8, to: Label) {
        self.pair(rd, i(rv64i::ADDI, rd, rd, 0), to);
    }

    /// The address that is as far from here as `to` is from where this code is linked.
    pub fn address_of(&mut self, rd: u8, to: u64) {
        self.fix(Reach::Pair, Target::Address(to));
        self.words(&[r(rv64i::AUIPC, rd, 0, 0), i(rv64i::ADDI, rd, rd, 0)]);
    }

    /// A constant.
    pub fn li(&mut self, rd: u8, value: u64) {
        let low = (value << 52) as i64 >> 52;
        let rest = (value as i64).wrapping_sub(low);
        if rest == i64::from(rest as i32) {
            self.word(r(rv64i::LUI, rd, 0, 0) | rest as u32);
            self.word(i(rv64i::ADDIW, rd, rd, low));
        } else {
            self.li(rd, (rest >> 12) as u64);
            self.word(i(rv64i::SLLI, rd, rd, 12));
            self.word(i(rv64i::ADDI, rd, rd, low));
        }
    }

    /// The code, and whatever does not reach its target as a nop.
    pub fn finish(mut self) -> Vec<u8> {
        for fix in std::mem::take(&mut self.fixes) {
            let target = match fix.target {
                Target::Label(label) => self.labels[label.0].expect("every label is bound"),
                Target::Address(address) => address,
            };
            let offset = target.wrapping_sub(self.base + fix.at as u64) as i64;
            self.patch(fix.at, fix.reach, offset);
        }
        self.bytes
    }

    fn patch(&mut self, at: usize, reach: Reach, offset: i64) {
        let o = offset as u32;
        let scatter = |places: &[(u32, u32, u32)]| {
            places.iter().fold(0, |bits, (from, count, to)| bits | (o >> from & ((1 << count) - 1)) << to)
        };
        let fits = |bits: u32| offset >> (bits - 1) == 0 || offset >> (bits - 1) == -1;
        match reach {
            Reach::Branch if fits(13) => self.or(at, scatter(&[(12, 1, 31), (5, 6, 25), (1, 4, 8), (11, 1, 7)])),
            Reach::Jump if fits(21) => self.or(at, scatter(&[(20, 1, 31), (1, 10, 21), (11, 1, 20), (12, 8, 12)])),
            Reach::Branch | Reach::Jump => self.put(at, i(rv64i::ADDI, 0, 0, 0)),
            Reach::Distance => self.put(at, o),
            Reach::Pair => {
                self.or(at, o.wrapping_add(0x800) & 0xffff_f000);
                self.or(at + 4, o << 20);
            }
            Reach::ShortBranch if fits(9) => {
                self.or(at, scatter(&[(8, 1, 12), (3, 2, 10), (6, 2, 5), (1, 2, 3), (5, 1, 2)]));
            }
            Reach::ShortJump if fits(12) => {
                let places =
                    [(11, 1, 12), (4, 1, 11), (8, 2, 9), (10, 1, 8), (6, 1, 7), (7, 1, 6), (1, 3, 3), (5, 1, 2)];
                self.or(at, scatter(&places));
            }
            Reach::ShortBranch | Reach::ShortJump => self.bytes[at..at + 2].copy_from_slice(&C_NOP.to_le_bytes()),
        }
    }

    fn put(&mut self, at: usize, word: u32) {
        self.bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
    }

    /// Set `bits` in what begins at `at`, which need not have four bytes.
    fn or(&mut self, at: usize, bits: u32) {
        let bytes = bits.to_le_bytes();
        self.bytes[at..].iter_mut().zip(bytes).for_each(|(byte, bit)| *byte |= bit);
    }
}
