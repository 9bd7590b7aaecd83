//! Puts fragments together in a fixed number of buffers.

use super::fragment::FragmentHeader;
use super::TunnelDrop;
use crate::wire::MAX_PACKET;
use std::time::Duration;

/// Packets that are put together at the same time, for one peer.
const SLOTS: usize = 16;

struct Slot {
    /// What all fragments of the packet have in common.
    of: Option<(u32, usize, u8)>,
    seen: [u64; 4],
    missing: u8,
    since: Duration,
    bytes: Vec<u8>,
}

/// Where a complete packet lies until the next fragment comes.
#[derive(Clone, Copy, Debug)]
pub struct Whole {
    slot: usize,
    total: usize,
}

/// The packets of one peer that are not complete yet. At most 1 MiB, made as it is needed.
pub struct Reassembly {
    slots: Vec<Slot>,
    patience: Duration,
    /// Packets given up since they were asked for.
    given_up: u64,
}

impl Reassembly {
    /// Nothing yet; packets are given up after `patience`.
    pub fn new(patience: Duration) -> Reassembly {
        Reassembly { slots: Vec::new(), patience, given_up: 0 }
    }

    /// Take a fragment. Returns the packet when it was the last one missing.
    pub fn take(&mut self, header: FragmentHeader, piece: &[u8], now: Duration) -> Result<Option<Whole>, TunnelDrop> {
        let key = (header.id, header.total, header.count);
        let known = self.slots.iter().position(|slot| slot.of.is_some_and(|of| of.0 == header.id));
        let index = match known {
            Some(index) if self.slots[index].of == Some(key) => index,
            Some(_) => return Err(TunnelDrop::BadFragment),
            None => self.begin(key, now),
        };
        let slot = &mut self.slots[index];
        let (word, bit) = (usize::from(header.index) / 64, 1u64 << (header.index % 64));
        let range = header.range();
        if slot.seen[word] & bit != 0 || range.len() != piece.len() || range.end > MAX_PACKET {
            return Err(TunnelDrop::BadFragment);
        }
        slot.seen[word] |= bit;
        slot.missing -= 1;
        slot.bytes[range].copy_from_slice(piece);
        if slot.missing > 0 {
            return Ok(None);
        }
        slot.of = None;
        Ok(Some(Whole { slot: index, total: header.total }))
    }

    /// The bytes of a packet that [`Reassembly::take`] has just completed.
    pub fn get(&self, whole: Whole) -> &[u8] {
        &self.slots[whole.slot].bytes[..whole.total]
    }

    /// A slot for a new packet: a free one, or the oldest.
    fn begin(&mut self, key: (u32, usize, u8), now: Duration) -> usize {
        let free = self.slots.iter().position(|slot| slot.of.is_none());
        let index = match free {
            Some(index) => index,
            None if self.slots.len() < SLOTS => {
                let bytes = vec![0; MAX_PACKET];
                self.slots.push(Slot { of: None, seen: [0; 4], missing: 0, since: now, bytes });
                self.slots.len() - 1
            }
            None => {
                self.given_up += 1;
                (0..SLOTS).min_by_key(|&index| self.slots[index].since).unwrap_or(0)
            }
        };
        let slot = &mut self.slots[index];
        (slot.of, slot.seen, slot.missing, slot.since) = (Some(key), [0; 4], key.2, now);
        index
    }

    /// Give up what took too long; returns how many packets were given up since the last call.
    pub fn expire(&mut self, now: Duration) -> u64 {
        for slot in self.slots.iter_mut().filter(|slot| slot.of.is_some()) {
            if now.saturating_sub(slot.since) >= self.patience {
                slot.of = None;
                self.given_up += 1;
            }
        }
        std::mem::take(&mut self.given_up)
    }

    /// When [`Reassembly::expire`] is due.
    pub fn next_timeout(&self) -> Option<Duration> {
        self.slots.iter().filter(|slot| slot.of.is_some()).map(|slot| slot.since + self.patience).min()
    }
}
