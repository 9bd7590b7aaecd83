//! Which results of 32 bits need not be sign-extended at once.
//!
//! RISC-V keeps numbers of 32 bits, *words*, sign-extended; the host clears the upper half of what it computes in 32 bits.
//! Where nothing looks at the upper half before the register is written again, as with most sums and counters of loops, the
//! extension is left out and the register is *narrow*. Code extends it on the ways where the upper half counts after all:
//! out of the loop, and wherever the state has to be exact.
//!
//! Registers may be narrow across the blocks of a loop that reads them. Such a block expects words in them, and ways into the
//! loop make sure of that. What a loop has only for itself is extended at its end, for anything may be there at first.

use super::region::Region;
use crate::isa::{row, rv64i, rv64m, zb, Op};

const ALL: u32 = u32::MAX;

/// What is known of the registers at one place, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Known {
    /// Those that stand for a word, sign-extended but for those that are narrow.
    pub words: u32,
    /// Those whose upper half may be anything instead.
    pub narrow: u32,
}

impl Known {
    /// At the start of a block where `registers` are words, and may be narrow.
    pub const fn expected(registers: u32) -> Self {
        Self { words: registers | 1, narrow: registers }
    }

    pub const fn is_word(self, register: u8) -> bool {
        self.words >> register & 1 != 0
    }

    pub const fn is_narrow(self, register: u8) -> bool {
        self.narrow >> register & 1 != 0
    }

    /// The registers whose upper halves `op` reads.
    pub fn read_in_full(self, op: &Op) -> u32 {
        let [a, b] = op.integer_sources().map(|register| register.map_or(0, |register| 1 << register));
        match op.id {
            rv64i::SLLI if op.imm & 63 >= 32 => 0,
            rv64i::ANDI if op.imm >= 0 => 0,
            _ if reads_words(op) => 0,
            rv64i::SLL | rv64i::SRL | rv64i::SRA | rv64i::SB | rv64i::SH | rv64i::SW => a,
            zb::ADD_UW | zb::SH1ADD_UW | zb::SH2ADD_UW | zb::SH3ADD_UW => b,
            // Copies, and what treats the upper half like the uppermost bit of the lower one.
            _ if is_copy(op) || is_bitwise(op) || is_branch(op) => match (a | b) & !self.words {
                0 => 0,
                _ => a | b,
            },
            _ => a | b,
        }
    }

    /// Know what holds behind `op`; `left_narrow` if its result was not extended.
    pub fn pass(&mut self, op: &Op, left_narrow: bool) {
        if row(op.id).system {
            // Whatever is called there may write registers that the operation does not name.
            *self = Self::expected(0);
        }
        let Some(rd) = op.integer_rd() else { return };
        let word = self.makes_word(op);
        let set = |set: u32, holds: bool| set & !(1 << rd) | u32::from(holds) << rd;
        (self.words, self.narrow) = (set(self.words, word), set(self.narrow, left_narrow));
    }

    /// Whether the result of `op` is a word.
    fn makes_word(self, op: &Op) -> bool {
        let of_words = || op.integer_sources().into_iter().flatten().all(|register| self.is_word(register));
        match op.id {
            rv64i::ADDI if op.rs1 == 0 => true,
            rv64i::LUI | rv64i::LB | rv64i::LBU | rv64i::LH | rv64i::LHU | rv64i::LW => true,
            rv64i::SLT | rv64i::SLTU | rv64i::SLTI | rv64i::SLTIU => true,
            rv64i::ANDI if op.imm >= 0 => true,
            rv64i::SRLI => op.imm & 63 > 32,
            rv64i::SRAI => op.imm & 63 >= 32,
            zb::SLLI_UW => false,
            _ if reads_words(op) => true,
            _ => (is_copy(op) || is_bitwise(op)) && of_words(),
        }
    }

    /// Whether `op` may leave its result narrow.
    fn may_leave_narrow(self, op: &Op) -> bool {
        let extends = reads_words(op) && op.id != zb::SLLI_UW;
        extends || (is_copy(op) || is_bitwise(op)) && self.makes_word(op)
    }
}

/// Whether `op` reads nothing but the lower halves of its operands.
fn reads_words(op: &Op) -> bool {
    matches!(op.id, rv64i::ADDIW | rv64i::SLLIW | rv64i::SRLIW | rv64i::SRAIW | rv64i::ADDW | rv64i::SUBW)
        || matches!(op.id, rv64i::SLLW | rv64i::SRLW | rv64i::SRAW | rv64m::MULW)
        || matches!(op.id, rv64m::DIVW | rv64m::DIVUW | rv64m::REMW | rv64m::REMUW)
        || matches!(op.id, zb::ROLW | zb::RORW | zb::RORIW | zb::CLZW | zb::CTZW | zb::CPOPW)
        || matches!(op.id, zb::SEXT_B | zb::SEXT_H | zb::ZEXT_H | zb::SLLI_UW)
}

fn is_copy(op: &Op) -> bool {
    op.copied().is_some_and(|(_, more)| more == 0)
}

fn is_bitwise(op: &Op) -> bool {
    matches!(op.id, rv64i::AND | rv64i::OR | rv64i::XOR | rv64i::ANDI | rv64i::ORI | rv64i::XORI)
}

fn is_branch(op: &Op) -> bool {
    (rv64i::BEQ.0..=rv64i::BGEU.0).contains(&op.id.0)
}

/// What was found out about a region.
#[derive(Debug, Default)]
pub(super) struct Words {
    /// The registers that may be narrow at the start of each block, one bit each.
    at_start: Vec<u32>,
    /// The operations whose result need not be extended, by halfword, rising.
    lazy: Vec<usize>,
}

impl Words {
    /// The registers that may be narrow at the start of block `index`.
    pub fn at_start(&self, index: usize) -> u32 {
        self.at_start.get(index).copied().unwrap_or(0)
    }

    /// Whether the result of the operation at halfword `slot` may be left narrow.
    pub fn may_be_narrow(&self, slot: usize) -> bool {
        self.lazy.binary_search(&slot).is_ok()
    }
}

/// How often the analysis goes over a region before it takes nothing for narrow.
const ROUNDS: usize = 64;

/// Look at `region`, of which `held` registers, one bit each, may be narrow: none is where nothing loops.
pub(super) fn analyse(region: &Region, held: u32) -> Words {
    let depths = region.depths();
    if depths.iter().all(|depth| *depth == 0) {
        return Words::default();
    }
    let successors: Vec<_> = (0..region.blocks.len()).map(|block| region.edges(block)).collect();
    let live = live(region, &successors);
    // At first all that loops is taken to be narrow. What does not hold is taken back, until the rest does.
    let at_start = (0..region.blocks.len()).map(|block| match (depths[block], region.blocks[block].looped) {
        (0, _) => 0,
        (_, true) => live[block] & held & !1,
        _ => held & !1,
    });
    let at_start = at_start.collect();
    let mut analysis = Analysis { region, successors, live, depths: &depths, at_start };
    let rounds = (0..ROUNDS).take_while(|_| analysis.refine()).count();
    if rounds == ROUNDS {
        return Words::default();
    }
    let mut lazy: Vec<usize> = (0..region.blocks.len()).flat_map(|block| analysis.lazy(block)).collect();
    lazy.sort_unstable();
    Words { at_start: analysis.at_start, lazy }
}

/// The registers that are read within the region before they are written, at the start of each block.
fn live(region: &Region, successors: &[(Vec<usize>, bool)]) -> Vec<u32> {
    let mut live = vec![0; region.blocks.len()];
    let mut changed = true;
    while changed {
        changed = false;
        for (i, block) in region.blocks.iter().enumerate().rev() {
            let mut set = successors[i].0.iter().fold(0, |set, to| set | live[*to]);
            for (_, op) in block.ops.iter().rev() {
                set &= !op.integer_rd().map_or(0, |rd| 1 << rd);
                op.integer_sources().into_iter().flatten().for_each(|register| set |= 1 << register);
            }
            changed |= live[i] != set;
            live[i] = set;
        }
    }
    live
}

struct Analysis<'a> {
    region: &'a Region,
    /// By block: what it leads to within the region, and whether it leads elsewhere.
    successors: Vec<(Vec<usize>, bool)>,
    /// The registers that are read within the region before they are written, at the start of each block.
    live: Vec<u32>,
    depths: &'a [u32],
    at_start: Vec<u32>,
}

impl Analysis<'_> {
    /// The registers whose upper halves count at the end of `block`: whoever leaves a loop extends them on the way.
    fn read_behind(&self, block: usize) -> u32 {
        let (successors, elsewhere) = &self.successors[block];
        let within = successors.iter().filter(|to| self.depths[**to] >= self.depths[block]);
        let read = within.fold(0, |read, to| match self.region.blocks[*to].looped {
            // What is dead there is extended on the way, behind what the loop waits for.
            true => read | !self.at_start[*to] & self.live[*to],
            false => read | !self.at_start[*to],
        });
        if *elsewhere && self.depths[block] == 0 {
            ALL
        } else {
            read
        }
    }

    /// What holds in front of each operation of `block`, and behind the last.
    fn known(&self, block: usize) -> Vec<Known> {
        let mut now = Known::expected(self.at_start[block]);
        let mut known = vec![now];
        for (_, op) in &self.region.blocks[block].ops {
            now.pass(op, false);
            known.push(now);
        }
        known
    }

    /// Go through `block` from its end, with the registers whose upper halves count behind each operation; those that count
    /// at its start.
    fn backwards(&self, block: usize, known: &[Known], mut each: impl FnMut(usize, u32)) -> u32 {
        let mut read = self.read_behind(block);
        for (i, (_, op)) in self.region.blocks[block].ops.iter().enumerate().rev() {
            each(i, read);
            if let Some(rd) = op.integer_rd() {
                read &= !(1 << rd);
            }
            read |= known[i].read_in_full(op);
        }
        read
    }

    /// The operations of `block` that may leave their results narrow, by halfword.
    fn lazy(&self, block: usize) -> Vec<usize> {
        let known = self.known(block);
        let ops = &self.region.blocks[block].ops;
        let mut lazy = Vec::new();
        self.backwards(block, &known, |i, read| {
            let (slot, op) = &ops[i];
            let counts = op.integer_rd().is_none_or(|rd| read >> rd & 1 != 0);
            if !counts && known[i].may_leave_narrow(op) {
                lazy.push(*slot);
            }
        });
        lazy
    }

    /// Take back what does not hold. Whether there was anything.
    fn refine(&mut self) -> bool {
        let blocks = &self.region.blocks;
        let mut holds = self.at_start.clone();
        // The registers that some way to each block leaves narrow.
        let mut narrow = vec![0; blocks.len()];
        for block in 0..blocks.len() {
            let known = self.known(block);
            holds[block] &= !self.backwards(block, &known, |_, _| ());
            let words = known.last().map_or(0, |known| known.words);
            // Those that lead into a loop look whether it is so.
            let (successors, _) = &self.successors[block];
            successors.iter().filter(|to| !blocks[**to].looped || **to <= block).for_each(|to| holds[*to] &= words);
        }
        let lazy: Vec<Vec<usize>> = (0..blocks.len()).map(|block| self.lazy(block)).collect();
        let mut changed = true;
        while changed {
            changed = false;
            for block in 0..blocks.len() {
                let ends = self.ends_narrow(block, narrow[block], &lazy[block]);
                for to in &self.successors[block].0 {
                    changed |= ends & !narrow[*to] != 0;
                    narrow[*to] |= ends;
                }
            }
        }
        holds.iter_mut().zip(narrow).for_each(|(holds, narrow)| *holds &= narrow);
        std::mem::replace(&mut self.at_start, holds.clone()) != holds
    }

    /// The registers that are narrow at the end of `block` if `narrow` are so at its start.
    fn ends_narrow(&self, block: usize, narrow: u32, lazy: &[usize]) -> u32 {
        let mut now = Known::expected(self.at_start[block]);
        now.narrow &= narrow;
        for (slot, op) in &self.region.blocks[block].ops {
            now.narrow &= !now.read_in_full(op);
            now.pass(op, lazy.contains(slot));
        }
        now.narrow
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::{decode, row, Id};
    use crate::jit::region::discover;

    const A0: u32 = 10;
    const A1: u32 = 11;

    fn op(id: Id, rd: u32, rs1: u32, rs2: u32) -> Op {
        decode(word(id, rd, rs1, rs2))
    }

    fn word(id: Id, rd: u32, rs1: u32, rs2: u32) -> u32 {
        row(id).pattern.value | rd << 7 | rs1 << 15 | rs2 << 20
    }

    fn behind(ops: &[Op]) -> Known {
        let mut known = Known::expected(0);
        ops.iter().for_each(|op| known.pass(op, false));
        known
    }

    #[test]
    fn only_what_is_sign_extended_is_a_word() {
        for id in [rv64i::LW, rv64i::LHU, rv64i::LBU, rv64i::ADDW, rv64i::SLT, rv64m::MULW, rv64m::REMUW] {
            assert!(behind(&[op(id, A0, 5, 6)]).is_word(10), "{}", row(id).mnemonic);
        }
        for id in [rv64i::LWU, rv64i::LD, rv64i::ADD, rv64m::MUL, zb::ADD_UW, zb::SLLI_UW, rv64i::SRLI, rv64i::ADDI] {
            assert!(!behind(&[op(id, A0, 5, 6)]).is_word(10), "{}", row(id).mnemonic);
        }
        assert!(behind(&[op(zb::CPOPW, A0, 5, 0)]).is_word(10));
        let (sum, other) = (op(rv64i::ADDW, A0, 5, 6), op(rv64i::XOR, A1, A0, 5));
        assert!(!behind(&[sum, other]).is_word(11), "the other operand is no word");
        assert!(behind(&[sum, op(rv64i::XOR, A1, A0, A0)]).is_word(11));
        assert!(!behind(&[sum, op(rv64i::LD, A0, 5, 0)]).is_word(10), "it is gone");
    }

    #[test]
    fn upper_halves_count_unless_both_operands_are_words() {
        let known = behind(&[op(rv64i::ADDW, A0, 5, 6)]);
        for id in [rv64i::BEQ, rv64i::BLTU, rv64i::AND, rv64i::XOR] {
            assert_eq!(known.read_in_full(&op(id, 0, A0, 0)) & 1 << A0, 0, "{}", row(id).mnemonic);
            assert_ne!(known.read_in_full(&op(id, 0, A0, A1)) & 1 << A0, 0, "{}", row(id).mnemonic);
        }
        assert_eq!(known.read_in_full(&op(rv64i::SW, 0, A1, A0)), 1 << A1, "an address");
        assert_eq!(known.read_in_full(&op(rv64i::SD, 0, A1, A0)), 1 << A1 | 1 << A0);
        assert_eq!(known.read_in_full(&op(zb::SH2ADD_UW, 5, A0, A1)), 1 << A1);
    }

    #[test]
    fn a_sum_stays_narrow_in_its_loop() {
        // `addw a0, a0, a1`, `bne a1, a2` to it; then `ret`.
        let branch = 0xfec5_9ee3;
        let words = [word(rv64i::ADDW, A0, A0, A1), branch, 0x8067];
        let ops: Vec<_> = words.iter().flat_map(|word| [decode(*word), decode(0)]).collect();
        let region = discover(&ops, 0, |_| false).unwrap();
        let words = analyse(&region, ALL);
        assert_eq!((words.at_start(0), words.at_start(1)), (1 << A0, 0));
        assert!(words.may_be_narrow(0));
        // Nothing is expected of what the loop has only for itself.
        let own = [word(rv64i::LW, A1, 12, 0), word(rv64i::ADDW, A1, A1, A1), 0xfea6_1ce3, 0x8067];
        let ops: Vec<_> = own.iter().flat_map(|word| [decode(*word), decode(0)]).collect();
        let words = analyse(&discover(&ops, 0, |_| false).unwrap(), ALL);
        assert_eq!(words.at_start(0), 0);
        assert!(words.may_be_narrow(2));
        // What is an address in the loop, too, has to be there in full.
        let load = word(rv64i::LW, A1, A0, 0);
        let branch = 0xfec5_9ce3;
        let words = [word(rv64i::ADDW, A0, A0, A1), load, branch, 0x8067];
        let ops: Vec<_> = words.iter().flat_map(|word| [decode(*word), decode(0)]).collect();
        let words = analyse(&discover(&ops, 0, |_| false).unwrap(), ALL);
        assert_eq!(words.at_start(0), 0);
        assert!(!words.may_be_narrow(0));
    }
}
