//! The buffers that a turn receives into, made once.

use crate::offload;
use crate::wire::{Edit, MAX_PACKET, TAG_LENGTH, VNET_HEADER};
use std::ops::{Deref, DerefMut};

/// Packets in one batch.
pub(super) const BATCH: usize = 32;

/// One byte more than the longest packet, so that a longer one is seen to be longer.
const SLOT: usize = MAX_PACKET + 1;

/// A buffer for one packet, with room for a tag in front.
pub struct Slot(Box<[u8]>);

impl Deref for Slot {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0[TAG_LENGTH..]
    }
}

impl DerefMut for Slot {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0[TAG_LENGTH..]
    }
}

/// Up to 32 packets, each with its virtio-net header in front.
pub struct Batch {
    slots: Vec<Slot>,
    /// Where each packet begins and ends in its buffer, the room in front included.
    starts: [usize; BATCH],
    ends: [usize; BATCH],
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
        let slots = (0..BATCH).map(|_| Slot(vec![0; TAG_LENGTH + SLOT].into_boxed_slice())).collect();
        Batch { slots, starts: [TAG_LENGTH; BATCH], ends: [TAG_LENGTH; BATCH], count: 0, consumed: 0 }
    }

    /// The buffers to receive into, all of one size.
    pub fn slots(&mut self) -> &mut [Slot] {
        &mut self.slots
    }

    /// Say that packets lie in the first `lengths.len()` buffers.
    pub fn fill(&mut self, lengths: &[usize]) {
        self.count = lengths.len().min(BATCH);
        self.consumed = 0;
        self.starts = [TAG_LENGTH; BATCH];
        for (end, &length) in self.ends.iter_mut().zip(lengths) {
            *end = TAG_LENGTH + length.min(SLOT);
        }
    }

    /// Append a packet: a virtio-net header of zeros and `frame`, of which one byte beyond the longest is kept. `false`
    /// when the batch is full.
    pub fn push(&mut self, frame: &[u8]) -> bool {
        let Some(slot) = self.slots.get_mut(self.count) else { return false };
        let (header, room) = slot.split_at_mut(VNET_HEADER);
        let length = frame.len().min(room.len());
        header.fill(0);
        room[..length].copy_from_slice(&frame[..length]);
        self.starts[self.count] = TAG_LENGTH;
        self.ends[self.count] = TAG_LENGTH + VNET_HEADER + length;
        self.consumed &= !(1 << self.count);
        self.count += 1;
        true
    }

    /// Append `frame` as a packet, or put it behind the last one where it goes on with its TCP stream. `false` when the
    /// batch is full.
    pub fn push_or_coalesce(&mut self, frame: &[u8]) -> bool {
        if let Some(last) = self.count.checked_sub(1) {
            // It was pushed just now, so that it begins where all do that were not edited.
            let length = self.ends[last] - TAG_LENGTH;
            if let Some(length) = offload::coalesce(&mut self.slots[last], length, frame) {
                self.ends[last] = TAG_LENGTH + length;
                return true;
            }
        }
        if !self.push(frame) {
            return false;
        }
        offload::recognise(self.packet_mut(self.count - 1));
        true
    }

    /// Whether no packet fits any more.
    pub fn is_full(&self) -> bool {
        self.count == BATCH
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
        &self.slots[index].0[self.starts[index]..self.ends[index]]
    }

    /// Packet number `index`, to be rewritten in place.
    pub fn packet_mut(&mut self, index: usize) -> &mut [u8] {
        &mut self.slots[index].0[self.starts[index]..self.ends[index]]
    }

    /// Push or pop the tag of packet number `index`, in place.
    pub fn edit(&mut self, index: usize, edit: Edit) {
        self.starts[index] = edit.apply(&mut self.slots[index].0[..self.ends[index]], self.starts[index]);
    }
}
