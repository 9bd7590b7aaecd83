//! The buffers that a turn receives into, made once.

use crate::wire::MAX_PACKET;

/// Packets in one batch.
pub(super) const BATCH: usize = 32;

/// One byte more than the longest packet, so that a longer one is seen to be longer.
const SLOT: usize = MAX_PACKET + 1;

/// Up to 32 packets, each with its virtio-net header in front.
pub struct Batch {
    slots: Vec<Box<[u8]>>,
    lengths: [usize; BATCH],
    count: usize,
    consumed: u32,
}

impl Default for Batch {
    fn default() -> Self {
        Batch::new()
    }
}

impl Batch {
    /// Empty.
    pub fn new() -> Batch {
        let slots = (0..BATCH).map(|_| vec![0; SLOT].into_boxed_slice()).collect();
        Batch { slots, lengths: [0; BATCH], count: 0, consumed: 0 }
    }

    /// The buffers to receive into, all of one size.
    pub fn slots(&mut self) -> &mut [Box<[u8]>] {
        &mut self.slots
    }

    /// Say that packets lie in the first `lengths.len()` buffers.
    pub fn fill(&mut self, lengths: &[usize]) {
        self.count = lengths.len().min(BATCH);
        self.consumed = 0;
        for (to, &from) in self.lengths.iter_mut().zip(lengths) {
            *to = from.min(SLOT);
        }
    }

    /// Drop the packets from `count` on.
    pub fn truncate(&mut self, count: usize) {
        self.count = self.count.min(count);
    }

    /// Packet number `index` was for the link itself: the switch does not see it.
    pub fn consume(&mut self, index: usize) {
        self.consumed |= 1 << index;
    }

    /// Whether packet number `index` was consumed.
    pub fn is_consumed(&self, index: usize) -> bool {
        self.consumed & 1 << index != 0
    }

    /// How many packets there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Packet number `index`.
    pub fn packet(&self, index: usize) -> &[u8] {
        &self.slots[index][..self.lengths[index]]
    }

    /// Packet number `index`, to be rewritten in place.
    pub fn packet_mut(&mut self, index: usize) -> &mut [u8] {
        &mut self.slots[index][..self.lengths[index]]
    }
}
