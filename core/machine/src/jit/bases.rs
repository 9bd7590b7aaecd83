//! Which integer registers are known to hold virtual addresses, so that code may access memory in a window
//! ([`crate::vpagetable`]) without a look at the register.
//!
//! A window is as large as Sv39's address space, with guards of a megabyte at both ends. An access may go by a register whose
//! *slack* is known: how far its value is, at most, from an Sv39 address, in bytes. It is known
//! - of constants and of what was extended from 32 bits: these are Sv39 addresses, of the lowest and highest 4 GB;
//! - behind an access, which would not have come to its end elsewhere;
//! - of a sum with an immediate, by the slack of the register and the immediate;
//! - where the code has looked.
//!
//! It is computed over all blocks of a region: what holds at the start of a block does so at the end of every block that leads
//! there, but for ways into loops. These, and those into the region, look at the registers that the block expects something of.

use super::region::{Block, Edges, Region};
use crate::isa::{row, rv64d, rv64f, rv64i, Op};

/// Slack that an access may have at most. Immediates, sizes and some more have to fit between that and the guard.
const MOST: u32 = 512 << 10;
/// Bytes at both ends of a window where nothing is mapped.
const GUARD: u32 = 1 << 20;
/// How far from virtual address 0 code may access a window.
pub(super) const REACH: u64 = (1 << 38) + GUARD as u64;
const UNKNOWN: u32 = u32::MAX;
/// Rounds of the analysis before what still grows counts as unknown.
const ROUNDS: usize = 4;

// The immediate of an access is below 2048, and none is longer than a page.
const _: () = assert!(MOST + 2048 + 4096 < GUARD);

/// The slack of each register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bases([u32; 32]);

impl Bases {
    /// Nothing is known.
    pub const fn unknown() -> Self {
        let mut slack = [UNKNOWN; 32];
        slack[0] = 0;
        Self(slack)
    }

    /// Whether an access may go by `register`.
    pub fn know(&self, register: u8) -> bool {
        self.0[usize::from(register)] <= MOST
    }

    /// The registers that something is known of, but for `x0`.
    pub fn known(&self) -> impl Iterator<Item = u8> + use<'_> {
        (1..32).filter(|register| self.know(*register))
    }

    /// The registers of which `expected` knows more.
    pub fn lack(&self, expected: &Self) -> Vec<u8> {
        expected
            .known()
            .filter(|register| self.0[usize::from(*register)] > expected.0[usize::from(*register)])
            .collect()
    }

    /// What holds behind `op`, which goes by its base if `is_access`.
    pub fn pass(&mut self, op: &Op) {
        if is_access(op) {
            self.0[usize::from(op.rs1)] = if op.rs1 == 0 { 0 } else { op.imm.unsigned_abs() };
        }
        let row = row(op.id);
        if row.system {
            *self = Self::unknown();
        } else if let Some(rd) = op.integer_rd() {
            self.0[usize::from(rd)] = self.slack_of_result(op);
        }
        self.0[0] = 0;
    }

    fn slack_of_result(&self, op: &Op) -> u32 {
        let of = |register: u8, more: i32| {
            let sum = self.0[usize::from(register)].saturating_add(more.unsigned_abs());
            if sum > MOST {
                UNKNOWN
            } else {
                sum
            }
        };
        match op.id {
            rv64i::LUI | rv64i::LB | rv64i::LBU | rv64i::LH | rv64i::LHU | rv64i::LW | rv64i::LWU => 0,
            rv64i::ADDIW | rv64i::SLLIW | rv64i::SRLIW | rv64i::SRAIW => 0,
            rv64i::ADDW | rv64i::SUBW | rv64i::SLLW | rv64i::SRLW | rv64i::SRAW => 0,
            _ => match op.copied() {
                Some((from, more)) => of(from, more),
                None => UNKNOWN,
            },
        }
    }

    /// Let only hold what holds in `other`, too; what would have to change when not `growing` is no longer known.
    fn meet(&mut self, other: &Self, growing: bool) -> bool {
        let mut changed = false;
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            if *theirs > *mine {
                *mine = if growing { *theirs } else { UNKNOWN };
                changed = true;
            }
        }
        changed
    }
}

/// Whether `op` is a load or store that a window is used for, at register `rs1` plus the immediate.
pub(super) fn is_access(op: &Op) -> bool {
    let integer = (rv64i::LB.0..=rv64i::SD.0).contains(&op.id.0);
    integer || matches!(op.id, rv64f::FLW | rv64f::FSW | rv64d::FLD | rv64d::FSD)
}

/// What holds at the start of each block of `region`, whose edges are `edges`, as far as it is of use.
pub(super) fn analyse(region: &Region, edges: &[Edges]) -> Vec<Bases> {
    let blocks = &region.blocks;
    let wanted = region.backwards(edges, wanted);
    // At first all that is wanted is taken to hold where blocks lead to each other. The rest follows from what does not.
    let mut at_start = vec![Bases::unknown(); blocks.len()];
    for block in edges.iter().flat_map(|edges| &edges.within) {
        (1..32)
            .filter(|register| wanted[*block] >> register & 1 != 0)
            .for_each(|register| at_start[*block].0[register] = 0);
    }
    let mut round = 0;
    let mut changed = true;
    while changed {
        changed = false;
        for (i, block) in blocks.iter().enumerate() {
            let mut bases = at_start[i].clone();
            block.ops.iter().for_each(|(_, op)| bases.pass(op));
            // Loops expect what their ends know.
            for successor in edges[i].within.iter().filter(|to| !blocks[**to].looped || **to <= i) {
                changed |= at_start[*successor].meet(&bases, round < ROUNDS);
            }
        }
        round += 1;
    }
    at_start
}

/// The registers, one bit each, that at the start of `block` hold what accesses may go by before it is gone; at its end those
/// of `set` do.
fn wanted(block: &Block, mut set: u32) -> u32 {
    for (_, op) in block.ops.iter().rev() {
        let result = 1_u32.checked_shl(u32::from(op.rd)).unwrap_or(0);
        if let Some((from, _)) = op.copied().filter(|_| set & result != 0) {
            set = set & !result | 1 << from;
        } else if op.integer_rd().is_some() {
            set &= !result;
        }
        if is_access(op) {
            set |= 1 << op.rs1;
        }
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hart::tests::{addi, ld, sd, A0, A1};
    use crate::isa::decode;
    use crate::jit::region::discover;

    fn passed(words: &[u32]) -> Bases {
        let mut bases = Bases::unknown();
        words.iter().for_each(|word| bases.pass(&decode(*word)));
        bases
    }

    #[test]
    fn an_access_tells_of_its_base_until_that_has_moved_too_far() {
        let (a0, a1) = (A0 as u8, A1 as u8);
        assert!(!passed(&[]).know(a0));
        assert!(!passed(&[ld(A1, A0, 8)]).know(a1), "what was loaded may be anything");
        assert!(passed(&[ld(A1, A0, 8)]).know(a0));
        assert!(passed(&[sd(A1, A0, 8), addi(A1, A0, -16)]).know(a1));
        assert!(!passed(&[ld(A0, A0, 8)]).know(a0), "the base is gone");
        let steps = |count: usize| [vec![ld(A1, A0, -2048)], vec![addi(A0, A0, -2048); count]].concat();
        assert!(passed(&steps(255)).know(a0), "{MOST} bytes in all");
        assert!(!passed(&steps(256)).know(a0));
        let back = [steps(255), vec![ld(A1, A0, 0)], steps(255)[1..].to_vec()].concat();
        assert!(passed(&back).know(a0), "another access begins anew");
    }

    #[test]
    fn loops_expect_what_their_ends_know() {
        let branch = 0xfea0_1ce3; // bne zero, a0, .-8
        let words = [ld(A0, A1, 0), addi(A1, A1, 8), branch, addi(A0, A0, 0), ld(A0, A0, 0), 0x8067];
        let ops: Vec<_> = words.iter().flat_map(|word| [decode(*word), decode(0)]).collect();
        let region = discover(&ops, 0, |_| false).unwrap();
        let known: Vec<Vec<u8>> =
            analyse(&region, &region.edges()).iter().map(|bases| bases.known().collect()).collect();
        assert_eq!(known, [vec![A1 as u8], vec![]]);
    }
}
