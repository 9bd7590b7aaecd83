//! Which guest registers are in host registers within one region.
//!
//! Between regions the pinned registers hold what [`PINNED`] says. A region whose loops use other registers more exchanges
//! some: it does so where it is entered, and undoes it wherever it is left.

use super::registers::{memory, Place, PINNED};
use crate::isa::{row, rv64i, Op};
use crate::jit::region::{Block, Region};

/// What a loop multiplies the weight of its blocks by, as a power of two, and how often at most.
const LOOP_SHIFT: u32 = 3;
const MAX_DEPTH: u32 = 5;
/// What an exchange has to gain, in uses.
const LEAST_GAIN: i64 = 16;
/// What it costs to leave the region and to come back, in uses, for each register that was exchanged.
const LEAVE: i64 = 4;

/// A host register that holds another guest register than usual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Exchange {
    pub host: u8,
    /// The guest register that the rest of the world has there.
    pub usual: u8,
    /// The guest register that the region has there.
    pub own: u8,
}

/// The places of the guest's integer registers within one region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Allocation {
    places: [Place; 32],
    pub exchanges: Vec<Exchange>,
}

impl Allocation {
    /// What is best for `region`, whose blocks are in so many loops each.
    pub fn of(region: &Region, depths: &[u32]) -> Self {
        let mut uses = [0; 32];
        let mut leaves = 0;
        for (block, depth) in region.blocks.iter().zip(depths) {
            let weight: i64 = 1 << (LOOP_SHIFT * depth.min(&MAX_DEPTH));
            for (_, op) in &block.ops {
                registers(op).filter(|r| *r != 0).for_each(|r| uses[usize::from(r)] += weight);
            }
            leaves += i64::from(leaves_region(region, block)) * weight;
        }
        let mut places = [0; 32].map(|_: u8| Place::Memory(0));
        (0..32).for_each(|guest| places[usize::from(guest)] = Place::Memory(memory(guest)));
        PINNED.iter().for_each(|(guest, host)| places[usize::from(*guest)] = Place::Host(*host));
        let mut allocation = Self { places, exchanges: Vec::new() };

        let by_use = |guest: &u8| uses[usize::from(*guest)];
        let mut pinned = PINNED.to_vec();
        pinned.sort_by_key(|(guest, _)| by_use(guest));
        let mut wanted: Vec<u8> = (1..32).filter(|guest| PINNED.iter().all(|(pinned, _)| pinned != guest)).collect();
        wanted.sort_by_key(|guest| -by_use(guest));
        for ((usual, host), own) in pinned.into_iter().zip(wanted) {
            if by_use(&own) - by_use(&usual) - LEAVE * leaves < LEAST_GAIN {
                break;
            }
            allocation.places[usize::from(own)] = Place::Host(host);
            allocation.places[usize::from(usual)] = Place::Memory(memory(usual));
            allocation.exchanges.push(Exchange { host, usual, own });
        }
        allocation
    }

    /// The guest registers that are in host registers, one bit each.
    pub fn held(&self) -> u32 {
        (0..32).filter(|guest| matches!(self.place(*guest), Place::Host(_))).fold(0, |held, guest| held | 1 << guest)
    }

    /// The place of integer register `guest`, below 32; `x0` is a zero in memory.
    pub fn place(&self, guest: u8) -> Place {
        self.places[usize::from(guest & 31)]
    }
}

/// Whether control passes out of `region` at the end of `block`, or in it.
fn leaves_region(region: &Region, block: &Block) -> bool {
    let inside = |slot: i64| usize::try_from(slot).is_ok_and(|slot| region.block_at(slot).is_some());
    let far = block.calls() && !block.jump().is_some_and(inside);
    let elsewhere = |op: &Op| op.id == rv64i::JALR || row(op.id).system && !super::float::is_state(op);
    far || block.ops.iter().any(|(_, op)| elsewhere(op))
}

/// The integer registers that `op` names.
fn registers(op: &Op) -> impl Iterator<Item = u8> {
    op.integer_sources().into_iter().chain([op.integer_rd()]).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::decode;

    fn loop_of(words: &[u32], start: usize) -> Region {
        let ops: Vec<_> = words.iter().enumerate().map(|(i, word)| (start + 2 * i, decode(*word))).collect();
        let end = start + 2 * ops.len();
        Region { blocks: vec![Block { start, end, ops, target: true, looped: true }] }
    }

    /// `addi t0, t0, -1`, twice `xor t1, t1, t0`, `bnez t0` back to the start or not.
    const LOOP: [u32; 4] = [0xfff2_8293, 0x0053_4333, 0x0053_4333, 0xfe02_9ae3];

    fn allocation(region: &Region) -> Allocation {
        Allocation::of(region, &region.depths())
    }

    #[test]
    fn registers_of_a_loop_move_into_the_host() {
        let allocation = allocation(&loop_of(&LOOP, 100));
        let own: Vec<_> = allocation.exchanges.iter().map(|exchange| exchange.own).collect();
        assert_eq!(own, [5, 6]);
        for exchange in &allocation.exchanges {
            assert_eq!(allocation.place(exchange.own), Place::Host(exchange.host));
            assert_eq!(allocation.place(exchange.usual), Place::Memory(memory(exchange.usual)));
            assert!(PINNED.contains(&(exchange.usual, exchange.host)));
        }
    }

    #[test]
    fn what_does_not_loop_leaves_all_where_it_is() {
        let allocation = allocation(&loop_of(&LOOP[..3], 100));
        assert_eq!(allocation.exchanges, []);
        assert!(PINNED.iter().all(|(guest, host)| allocation.place(*guest) == Place::Host(*host)));
        assert_eq!(allocation.place(5), Place::Memory(memory(5)));
    }

    #[test]
    fn a_call_within_the_region_leaves_the_loop_its_registers() {
        // `jal ra` to the first word, then the branch to it.
        let mut region = loop_of(&[LOOP[0], LOOP[1], LOOP[2], 0xff5f_f0ef], 100);
        region.blocks.extend(loop_of(&[0xfe02_98e3], 108).blocks);
        let own: Vec<_> = allocation(&region).exchanges.iter().map(|exchange| exchange.own).collect();
        assert_eq!(own[..2], [5, 6]);
    }

    #[test]
    fn a_loop_around_a_call_leaves_all_where_it_is() {
        // `jalr ra, t0`.
        let words = [LOOP[0], 0x0002_80e7, LOOP[2], LOOP[3]];
        assert_eq!(allocation(&loop_of(&words, 100)).exchanges, []);
    }
}
