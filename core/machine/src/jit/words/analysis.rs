//! Which registers may be narrow where, in a region: what is taken for narrow at first is taken back until the rest holds.

use super::Known;
use crate::jit::region::{Block, Edges, Region};

const ALL: u32 = u32::MAX;
/// How often the analysis goes over a region before it takes nothing for narrow.
const ROUNDS: usize = 64;

/// What was found out about a region.
#[derive(Debug, Default)]
pub(in crate::jit) struct Words {
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

/// Look at `region`, of whose blocks `depths` and `edges` tell. Of the registers, one bit each, those that are `held` may be narrow:
/// none is where nothing loops.
pub(in crate::jit) fn analyse(region: &Region, depths: &[u32], edges: &[Edges], held: u32) -> Words {
    if depths.iter().all(|depth| *depth == 0) {
        return Words::default();
    }
    let live = region.backwards(edges, live);
    // At first all that loops is taken to be narrow. What does not hold is taken back, until the rest does.
    let at_start = region.blocks.iter().enumerate().map(|(i, block)| match (depths[i], block.looped) {
        (0, _) => 0,
        (_, true) => live[i] & held & !1,
        _ => held & !1,
    });
    let at_start = at_start.collect();
    let mut analysis = Analysis { region, edges, live, depths, at_start };
    for _ in 0..ROUNDS {
        let found: Vec<_> = (0..region.blocks.len()).map(|block| analysis.look(block)).collect();
        if !analysis.refine(&found) {
            let mut lazy = Vec::new();
            for (block, found) in region.blocks.iter().zip(&found) {
                lazy.extend(block.ops.iter().zip(&found.lazy).filter(|(_, lazy)| **lazy).map(|((slot, _), _)| *slot));
            }
            lazy.sort_unstable();
            return Words { at_start: analysis.at_start, lazy };
        }
    }
    Words::default()
}

/// The registers that are read within the region before they are written, at the start of `block`; at its end they are `set`.
fn live(block: &Block, mut set: u32) -> u32 {
    for (_, op) in block.ops.iter().rev() {
        set &= !op.integer_rd().map_or(0, |rd| 1 << rd);
        op.integer_sources().into_iter().flatten().for_each(|register| set |= 1 << register);
    }
    set
}

struct Analysis<'a> {
    region: &'a Region,
    edges: &'a [Edges],
    /// The registers that are read within the region before they are written, at the start of each block.
    live: Vec<u32>,
    depths: &'a [u32],
    at_start: Vec<u32>,
}

/// What follows for a block from what is taken to hold.
struct Found {
    /// The registers whose upper halves count at its start.
    read: u32,
    /// Those that stand for a word at its end.
    words: u32,
    /// Whether each operation may leave its result narrow.
    lazy: Vec<bool>,
}

impl Analysis<'_> {
    /// The registers whose upper halves count at the end of `block`: whoever leaves a loop extends them on the way.
    fn read_behind(&self, block: usize) -> u32 {
        let Edges { within, elsewhere } = &self.edges[block];
        let within = within.iter().filter(|to| self.depths[**to] >= self.depths[block]);
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

    /// Go through `block`, forth for what is known in front of each operation, and back for the upper halves that count behind it.
    fn look(&self, block: usize) -> Found {
        let ops = &self.region.blocks[block].ops;
        let mut now = Known::expected(self.at_start[block]);
        let known: Vec<_> = ops
            .iter()
            .map(|(_, op)| {
                let before = now;
                now.pass(op, false);
                before
            })
            .collect();
        let mut read = self.read_behind(block);
        let mut lazy = vec![false; ops.len()];
        for (i, (_, op)) in ops.iter().enumerate().rev() {
            let result = op.integer_rd().map_or(0, |rd| 1 << rd);
            lazy[i] = result != 0 && read & result == 0 && known[i].may_leave_narrow(op);
            read = read & !result | known[i].read_in_full(op);
        }
        Found { read, words: now.words, lazy }
    }

    /// Take back what does not hold by what was `found` of each block. Whether there was anything.
    fn refine(&mut self, found: &[Found]) -> bool {
        let blocks = &self.region.blocks;
        let mut holds = self.at_start.clone();
        for (block, found) in found.iter().enumerate() {
            holds[block] &= !found.read;
            // Those that lead into a loop look whether it is so.
            let within = self.edges[block].within.iter().filter(|to| !blocks[**to].looped || **to <= block);
            within.for_each(|to| holds[*to] &= found.words);
        }
        holds.iter_mut().zip(self.narrow(found)).for_each(|(holds, narrow)| *holds &= narrow);
        let changed = self.at_start != holds;
        self.at_start = holds;
        changed
    }

    /// The registers that some way to each block leaves narrow.
    fn narrow(&self, found: &[Found]) -> Vec<u32> {
        let mut narrow = vec![0; found.len()];
        let mut changed = true;
        while changed {
            changed = false;
            for (block, found) in found.iter().enumerate() {
                let ends = self.ends_narrow(block, narrow[block], &found.lazy);
                for to in &self.edges[block].within {
                    changed |= ends & !narrow[*to] != 0;
                    narrow[*to] |= ends;
                }
            }
        }
        narrow
    }

    /// The registers that are narrow at the end of `block` if `narrow` are so at its start.
    fn ends_narrow(&self, block: usize, narrow: u32, lazy: &[bool]) -> u32 {
        let mut now = Known::expected(self.at_start[block]);
        now.narrow &= narrow;
        for ((_, op), lazy) in self.region.blocks[block].ops.iter().zip(lazy) {
            now.narrow &= !now.read_in_full(op);
            now.pass(op, *lazy);
        }
        now.narrow
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{word, A0, A1};
    use super::*;
    use crate::isa::{decode, rv64i};
    use crate::jit::region::discover;

    fn words_of(words: &[u32]) -> Words {
        let ops: Vec<_> = words.iter().flat_map(|word| [decode(*word), decode(0)]).collect();
        let region = discover(&ops, 0, |_| false).unwrap();
        analyse(&region, &region.depths(), &region.edges(), ALL)
    }

    #[test]
    fn a_sum_stays_narrow_in_its_loop() {
        // `addw a0, a0, a1`, `bne a1, a2` to it; then `ret`.
        let branch = 0xfec5_9ee3;
        let words = [word(rv64i::ADDW, A0, A0, A1), branch, 0x8067];
        let words = words_of(&words);
        assert_eq!((words.at_start(0), words.at_start(1)), (1 << A0, 0));
        assert!(words.may_be_narrow(0));
        // Nothing is expected of what the loop has only for itself.
        let own = [word(rv64i::LW, A1, 12, 0), word(rv64i::ADDW, A1, A1, A1), 0xfea6_1ce3, 0x8067];
        let words = words_of(&own);
        assert_eq!(words.at_start(0), 0);
        assert!(words.may_be_narrow(2));
        // What is an address in the loop, too, has to be there in full.
        let load = word(rv64i::LW, A1, A0, 0);
        let branch = 0xfec5_9ce3;
        let words = [word(rv64i::ADDW, A0, A0, A1), load, branch, 0x8067];
        let words = words_of(&words);
        assert_eq!(words.at_start(0), 0);
        assert!(!words.may_be_narrow(0));
    }
}
