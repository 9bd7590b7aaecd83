//! Regions: what is translated at once. A region is a set of basic blocks of one page that jump to each other.
//!
//! Only code that has been executed belongs to it, which the cache of decoded code knows: an operation is decoded when it is
//! reached. So the arms of branches that are never taken cost nothing.

use std::collections::BTreeMap;

use crate::isa::privileged::{self, pseudo};
use crate::isa::{rv64i, Op, SINK};

/// Halfwords in a page.
const SLOTS: usize = 2048;
/// Bounds of one region. In smaller ones a loop is more likely to have the registers that it wants ([`super::x64`]).
const MAX_OPS: usize = 120;
const MAX_BLOCKS: usize = 96;

/// A basic block: its operations are executed in order, the last one may jump.
pub(super) struct Block {
    /// Halfword of the page at which it begins.
    pub start: usize,
    /// Halfword behind its last operation.
    pub end: usize,
    /// Its operations, by halfword.
    pub ops: Vec<(usize, Op)>,
    /// Whether anything but the block before it leads here.
    pub target: bool,
    /// Whether a block of the region jumps back here.
    pub looped: bool,
}

impl Block {
    /// Halfword that the branch or jump at its end leads to, counted from the start of the page.
    pub fn jump(&self) -> Option<i64> {
        let (slot, op) = self.ops.last()?;
        match end(op, *slot) {
            End::Branch(target) | End::Jump { to: Some(target), .. } => Some(target / 2),
            _ => None,
        }
    }

    /// Whether it ends with a call of known target.
    pub fn calls(&self) -> bool {
        self.ops.last().is_some_and(|(_, op)| op.id == rv64i::JAL && op.rd != SINK)
    }

    /// The halfwords that it leads to within the page, but for those that calls and traps return to.
    pub fn successors(&self) -> [Option<usize>; 2] {
        let behind = Some(self.end);
        match self.ops.last().map_or(End::No, |(slot, op)| end(op, *slot)) {
            End::No | End::Leave { .. } => [behind, None],
            End::Branch(target) => [behind, inside(target)],
            End::Jump { to, .. } => [to.and_then(inside), None],
        }
    }
}

/// Blocks by rising address.
pub(super) struct Region {
    /// At least one.
    pub blocks: Vec<Block>,
}

impl Region {
    /// How many loops each block is in, by a guess: a jump back that is no call makes a loop of what it jumps over.
    pub fn depths(&self) -> Vec<u32> {
        let blocks = &self.blocks;
        let mut depths = vec![0; blocks.len()];
        for first in 0..blocks.len() {
            let start = blocks[first].start as i64;
            let jumps = |block: &Block| block.jump() == Some(start) && !block.calls();
            if let Some(last) = (first..blocks.len()).rev().find(|i| jumps(&blocks[*i])) {
                depths[first..=last].iter_mut().for_each(|depth| *depth += 1);
            }
        }
        depths
    }

    /// The block that begins at halfword `slot`.
    pub fn block_at(&self, slot: usize) -> Option<usize> {
        self.blocks.binary_search_by_key(&slot, |block| block.start).ok()
    }

    /// Where each block leads at its end.
    pub fn edges(&self) -> Vec<Edges> {
        let edges = |block: &Block| {
            let branches = block.ops.last().is_some_and(|(slot, op)| matches!(end(op, *slot), End::Branch(_)));
            let successors = block.successors().into_iter().flatten();
            let within: Vec<_> = successors.filter_map(|slot| self.block_at(slot)).collect();
            let elsewhere = within.len() < if branches { 2 } else { 1 };
            Edges { within, elsewhere }
        };
        self.blocks.iter().map(edges).collect()
    }

    /// The smallest sets of registers, one bit each, at the start of each block for which this holds: it is what `through` makes
    /// of the set at the block's end, and that is all of the sets at the starts of the blocks that `edges` lead to.
    pub fn backwards(&self, edges: &[Edges], through: impl Fn(&Block, u32) -> u32) -> Vec<u32> {
        let mut sets = vec![0; self.blocks.len()];
        let mut changed = true;
        while changed {
            changed = false;
            for (i, block) in self.blocks.iter().enumerate().rev() {
                let set = through(block, edges[i].within.iter().fold(0, |set, to| set | sets[*to]));
                changed |= std::mem::replace(&mut sets[i], set) != set;
            }
        }
        sets
    }
}

/// Where a block leads at its end.
pub(super) struct Edges {
    /// Blocks of the region, by index.
    pub within: Vec<usize>,
    /// Anywhere else, too.
    pub elsewhere: bool,
}

/// Where an operation may lead besides the next one, and whether it may lead there.
enum End {
    /// It does not end a block.
    No,
    /// A conditional branch.
    Branch(i64),
    /// A jump; the code behind it is returned to when it is a call.
    Jump { to: Option<i64>, returns: bool },
    /// An operation that the interpreter or a trap handler goes on from.
    Leave { returns: bool },
}

fn end(op: &Op, slot: usize) -> End {
    let target = (slot * 2) as i64 + i64::from(op.imm);
    let call = op.rd != SINK;
    match op.id {
        rv64i::BEQ | rv64i::BNE | rv64i::BLT | rv64i::BGE | rv64i::BLTU | rv64i::BGEU => End::Branch(target),
        rv64i::JAL => End::Jump { to: Some(target), returns: call },
        rv64i::JALR => End::Jump { to: None, returns: call },
        rv64i::ECALL => End::Leave { returns: true },
        rv64i::EBREAK | rv64i::FENCE_I | privileged::SRET | privileged::MRET => End::Leave { returns: false },
        pseudo::ILLEGAL | pseudo::CROSSING | pseudo::PAGE_END | pseudo::UNDECODED => End::Leave { returns: false },
        _ => End::No,
    }
}

/// Whether `op` stands for no instruction that begins in the page.
pub(super) fn is_pseudo(op: &Op) -> bool {
    matches!(op.id, pseudo::ILLEGAL | pseudo::PAGE_END | pseudo::UNDECODED)
}

/// Halfword of the page that `offset`, in bytes, is, if it lies in the page.
fn inside(offset: i64) -> Option<usize> {
    (0..SLOTS as i64 * 2).contains(&offset).then_some(offset as usize / 2)
}

/// The region that begins at `start` of the page that was decoded to `ops`, less what is `known` already. `None` when there
/// is nothing to translate.
pub(super) fn discover(ops: &[Op], start: usize, known: impl Fn(usize) -> bool) -> Option<Region> {
    // Whether a block is the target of a jump, by its start.
    let mut leaders = BTreeMap::from([(start, true)]);
    let mut left = vec![start];
    let mut total = 0;
    while let Some(leader) = left.pop() {
        let mut slot = leader;
        let mut add = |slot: usize, target: bool, left: &mut Vec<usize>| {
            if let Some(is_target) = leaders.get_mut(&slot) {
                *is_target |= target;
            } else if leaders.len() < MAX_BLOCKS && slot < SLOTS && !is_pseudo(&ops[slot]) && !known(slot) {
                leaders.insert(slot, target);
                left.push(slot);
            }
        };
        while slot < SLOTS && total < MAX_OPS {
            let op = &ops[slot];
            if is_pseudo(op) {
                break;
            }
            total += 1;
            let next = slot + usize::from(op.len) / 2;
            match end(op, slot) {
                End::No => {}
                End::Branch(target) => {
                    // The last one that is put in is looked at first: fall-through before target.
                    if let Some(target) = inside(target) {
                        add(target, true, &mut left);
                    }
                    add(next, false, &mut left);
                    break;
                }
                End::Jump { to, returns } => {
                    if returns {
                        add(next, true, &mut left);
                    }
                    if let Some(target) = to.and_then(inside) {
                        add(target, true, &mut left);
                    }
                    break;
                }
                End::Leave { returns } => {
                    if returns {
                        add(next, true, &mut left);
                    }
                    break;
                }
            }
            slot = next;
        }
    }
    let mut blocks: Vec<Block> = Vec::new();
    let mut total = 0;
    let mut starts: Vec<_> = leaders.iter().map(|(slot, target)| (*slot, *target)).collect();
    // The rest may be too much: not for the block that was asked for.
    starts.sort_by_key(|(slot, _)| *slot != start);
    for (start, target) in starts {
        let mut block = Block { start, end: start, ops: Vec::new(), target, looped: false };
        while block.end < SLOTS && total < 2 * MAX_OPS {
            let op = ops[block.end];
            if is_pseudo(&op) || (block.end != start && leaders.contains_key(&block.end)) {
                break;
            }
            total += 1;
            let slot = block.end;
            block.ops.push((slot, op));
            block.end += usize::from(op.len) / 2;
            if !matches!(end(&op, slot), End::No) {
                break;
            }
        }
        if !block.ops.is_empty() {
            blocks.push(block);
        }
    }
    blocks.sort_by_key(|block| block.start);
    // A block that others reach by falling through must be entered with a count of its own if they are not its neighbours.
    for i in 0..blocks.len() {
        let neighbour = i > 0 && blocks[i - 1].end == blocks[i].start;
        let alone = blocks.iter().filter(|block| block.end == blocks[i].start).count() == 1;
        blocks[i].target |= !neighbour || !alone;
    }
    for i in 0..blocks.len() {
        let Some(target) = blocks[i].jump() else { continue };
        if let Ok(header) = blocks[..=i].binary_search_by_key(&target, |block| block.start as i64) {
            blocks[header].looped = true;
        }
    }
    (!blocks.is_empty() && blocks.iter().any(|block| block.start == start)).then_some(Region { blocks })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hart::tests::{addi, A0};
    use crate::isa::decode;

    /// `beqz a0` to halfword `to` from halfword `from`.
    fn branch(from: usize, to: usize) -> Op {
        let imm = (to as i32 - from as i32) * 2;
        Op { imm, ..decode(0x0005_0063) }
    }

    #[test]
    fn a_region_has_the_block_that_was_asked_for_whatever_lies_before_it() {
        const ARM: usize = 200;
        const COUNT: usize = 6;
        let mut ops = vec![Op::bare(pseudo::UNDECODED, 2); SLOTS];
        let start = COUNT * ARM;
        // Arms of a hundred instructions, each of which ends with a jump to what chooses among them.
        for arm in 0..COUNT {
            (0..ARM - 2).step_by(2).for_each(|i| ops[arm * ARM + i] = decode(addi(A0, A0, 1)));
            let at = arm * ARM + ARM - 2;
            ops[at] = Op { imm: (start as i32 - at as i32) * 2, ..decode(0x0000_006f) };
            ops[start + 2 * arm] = branch(start + 2 * arm, arm * ARM);
        }
        let region = discover(&ops, start, |_| false).unwrap();
        assert!(region.blocks.is_sorted_by_key(|block| block.start));
        let ops: usize = region.blocks.iter().map(|block| block.ops.len()).sum();
        assert!(ops <= 2 * MAX_OPS, "{ops} operations");
    }
}
