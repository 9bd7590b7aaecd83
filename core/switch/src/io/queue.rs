//! A bounded queue of packets for a peer that does not keep up: one ring of bytes, no allocation per packet.

use crate::wire::{Mac, VNET_HEADER};
use std::collections::VecDeque;
use std::ops::Range;

/// Bytes of packets that wait for one peer.
pub(super) const QUEUE_BYTES: usize = 1024 * 1024;

/// This part of the room is for frames between neighbours: a spanning tree that hears nothing, for a port is busy, opens loops.
const RESERVE: usize = 64;

/// Whether a packet is what neighbours tell each other: BPDUs, LLDP, loop probes.
pub(super) fn is_control(packet: &[u8]) -> bool {
    let to = packet.get(VNET_HEADER..).and_then(|frame| frame.first_chunk()).map(|&mac| Mac(mac));
    to.is_some_and(|to| to.is_reserved() || to == Mac::LOOP_PROBE)
}

/// First in, first out; each packet lies in one piece.
pub(super) struct PacketQueue {
    ring: Box<[u8]>,
    packets: VecDeque<Range<usize>>,
    capacity: usize,
}

impl PacketQueue {
    /// An empty queue; its ring of `capacity` bytes is made when it is first needed.
    pub(super) fn new(capacity: usize) -> PacketQueue {
        PacketQueue { ring: Box::default(), packets: VecDeque::new(), capacity }
    }

    /// Append a copy of `packet`; `false` when there is no room.
    pub(super) fn push(&mut self, packet: &[u8]) -> bool {
        if self.ring.is_empty() {
            self.ring = vec![0; self.capacity].into_boxed_slice();
        }
        let reserve = if is_control(packet) { 0 } else { self.capacity / RESERVE };
        let Some(start) = self.room(packet.len() + reserve) else { return false };
        let range = start..start + packet.len();
        self.ring[range.clone()].copy_from_slice(packet);
        self.packets.push_back(range);
        true
    }

    /// Where `length` bytes fit behind the last packet. One byte is left free before the first packet, so that a full
    /// ring and an empty one differ.
    fn room(&self, length: usize) -> Option<usize> {
        let (Some(first), Some(last)) = (self.packets.front(), self.packets.back()) else {
            return (length <= self.capacity).then_some(0);
        };
        if last.end <= first.start {
            return (last.end + length < first.start).then_some(last.end);
        }
        if last.end + length <= self.capacity {
            return Some(last.end);
        }
        (length < first.start).then_some(0)
    }

    /// The first packets, as many as fit into `views`; returns how many.
    pub(super) fn peek<'a>(&'a self, views: &mut [&'a [u8]]) -> usize {
        let mut count = 0;
        for (view, range) in views.iter_mut().zip(&self.packets) {
            *view = &self.ring[range.clone()];
            count += 1;
        }
        count
    }

    /// Remove the first `count` packets; returns the sum of their lengths.
    pub(super) fn pop(&mut self, count: usize) -> usize {
        self.packets.drain(..count.min(self.packets.len())).map(|range| range.len()).sum()
    }

    /// How many packets wait.
    pub(super) fn len(&self) -> usize {
        self.packets.len()
    }

    /// Whether none waits.
    pub(super) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn packet(to: [u8; 6], length: usize) -> Vec<u8> {
        let mut packet = vec![0; VNET_HEADER];
        packet.extend(to);
        packet.resize(length, 0);
        packet
    }

    #[test]
    fn what_neighbours_say_finds_room_where_data_finds_none() {
        let (data, bpdu) = (packet([2; 6], 1500), packet([1, 0x80, 0xc2, 0, 0, 0], 72));
        let mut queue = PacketQueue::new(QUEUE_BYTES);
        for round in 0..50 {
            while queue.push(&data) {}
            assert!((0..100).all(|_| queue.push(&bpdu)), "round {round}");
            assert!(!queue.push(&data));
            queue.pop(150 + round);
        }
    }

    proptest! {
        #[test]
        fn behaves_as_a_queue_of_vectors(steps in proptest::collection::vec((0usize..60, 0usize..4), 1..200)) {
            let mut queue = PacketQueue::new(200);
            let mut model: VecDeque<Vec<u8>> = VecDeque::new();
            for (i, (length, pops)) in steps.into_iter().enumerate() {
                let packet = vec![i as u8; length];
                if queue.push(&packet) {
                    model.push_back(packet);
                } else {
                    prop_assert!(!model.is_empty(), "an empty queue has room");
                }
                prop_assert!(model.iter().map(Vec::len).sum::<usize>() <= 200);
                let mut views = [&[][..]; 8];
                let seen = queue.peek(&mut views);
                prop_assert_eq!(seen, model.len().min(8));
                for (view, packet) in views.iter().zip(&model) {
                    prop_assert_eq!(*view, &packet[..]);
                }
                let expected: usize = model.drain(..pops.min(model.len())).map(|p| p.len()).sum();
                prop_assert_eq!(queue.pop(pops), expected);
                prop_assert_eq!(queue.len(), model.len());
            }
        }
    }
}
