//! Packets that are not due yet, in bounded memory: a heap by time over a pool of equal chunks, which is reused.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// Bytes of a chunk: a frame of 1500 bytes fits.
const CHUNK: usize = 2048;

/// Chunks that are kept when nothing waits.
const KEPT: usize = 512;

/// When it is due, in which order it came, its first chunk, its length.
type Entry = Reverse<(Duration, u64, u32, u32)>;

#[derive(Debug)]
pub(super) struct Store {
    heap: BinaryHeap<Entry>,
    chunks: Vec<Box<[u8]>>,
    /// The chunk behind each; a list of free ones begins at `free`.
    next: Vec<u32>,
    free: u32,
    unused: usize,
    capacity: usize,
    count: u64,
}

const NONE: u32 = u32::MAX;

impl Store {
    /// An empty store for `bytes` in chunks of 2 KiB; memory is taken as it is needed.
    pub(super) fn new(bytes: usize) -> Store {
        let capacity = bytes / CHUNK;
        Store {
            heap: BinaryHeap::new(),
            chunks: Vec::new(),
            next: Vec::new(),
            free: NONE,
            unused: 0,
            capacity,
            count: 0,
        }
    }

    /// Keep a copy of `packet` until `due`, with the bits of `flip` exchanged (byte, mask). `false` without room.
    pub(super) fn push(&mut self, due: Duration, packet: &[u8], flip: Option<(usize, u8)>) -> bool {
        let wanted = packet.len().div_ceil(CHUNK).max(1);
        if wanted > self.unused + (self.capacity - self.chunks.len()) {
            return false;
        }
        // The last chunk first, so that each knows the one behind it.
        let mut first = NONE;
        for index in (0..wanted).rev() {
            let piece = &packet[index * CHUNK..packet.len().min((index + 1) * CHUNK)];
            let chunk = self.take();
            let bytes = &mut self.chunks[chunk as usize];
            bytes[..piece.len()].copy_from_slice(piece);
            if let Some((at, mask)) = flip.filter(|(at, _)| at / CHUNK == index) {
                bytes[at % CHUNK] ^= mask;
            }
            self.next[chunk as usize] = first;
            first = chunk;
        }
        self.heap.push(Reverse((due, self.count, first, packet.len() as u32)));
        self.count += 1;
        true
    }

    fn take(&mut self) -> u32 {
        if self.free == NONE {
            self.chunks.push(vec![0; CHUNK].into_boxed_slice());
            self.next.push(NONE);
            return self.chunks.len() as u32 - 1;
        }
        self.unused -= 1;
        let chunk = self.free;
        self.free = self.next[chunk as usize];
        chunk
    }

    /// Remove the first packet that is due at `now`, if there is one, and pass its pieces to `sink`. Returns its length.
    pub(super) fn pop(&mut self, now: Duration, mut sink: impl FnMut(&[u8])) -> Option<usize> {
        if self.next_due()? > now {
            return None;
        }
        let Reverse((_, _, first, length)) = self.heap.pop()?;
        let (mut chunk, mut left) = (first, length as usize);
        while chunk != NONE {
            let piece = left.min(CHUNK);
            sink(&self.chunks[chunk as usize][..piece]);
            left -= piece;
            let next = std::mem::replace(&mut self.next[chunk as usize], self.free);
            self.free = chunk;
            self.unused += 1;
            chunk = next;
        }
        if self.heap.is_empty() && self.chunks.len() > KEPT {
            self.clear();
        }
        Some(length as usize)
    }

    /// When the first packet is due.
    pub(super) fn next_due(&self) -> Option<Duration> {
        self.heap.peek().map(|Reverse((due, ..))| *due)
    }

    /// Forget everything, and give memory back. Returns how many packets that were.
    pub(super) fn clear(&mut self) -> u64 {
        let lost = self.heap.len() as u64;
        self.heap.clear();
        self.chunks = Vec::new();
        self.next = Vec::new();
        (self.free, self.unused) = (NONE, 0);
        lost
    }

    /// Packets that wait.
    pub(super) fn len(&self) -> usize {
        self.heap.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pop(store: &mut Store, now: Duration) -> Option<Vec<u8>> {
        let mut packet = Vec::new();
        let length = store.pop(now, |piece| packet.extend_from_slice(piece))?;
        assert_eq!(length, packet.len());
        Some(packet)
    }

    proptest! {
        #[test]
        fn behaves_as_a_sorted_list(steps in proptest::collection::vec((0usize..7000, 0u64..50, 0usize..4), 1..100)) {
            let mut store = Store::new(20 * CHUNK);
            let mut model: Vec<(Duration, usize, Vec<u8>)> = Vec::new();
            for (i, (length, due, pops)) in steps.into_iter().enumerate() {
                let packet: Vec<u8> = (0..length).map(|at| (at * 7 + i) as u8).collect();
                let due = Duration::from_millis(due);
                let used: usize = model.iter().map(|(.., p)| p.len().div_ceil(CHUNK).max(1)).sum();
                let fits = used + length.div_ceil(CHUNK).max(1) <= 20;
                prop_assert_eq!(store.push(due, &packet, None), fits);
                if fits {
                    model.push((due, i, packet));
                    model.sort();
                }
                for _ in 0..pops {
                    let now = Duration::from_millis(25);
                    let expected = (!model.is_empty() && model[0].0 <= now).then(|| model.remove(0).2);
                    prop_assert_eq!(pop(&mut store, now), expected);
                }
                prop_assert_eq!((store.len(), store.next_due()), (model.len(), model.first().map(|m| m.0)));
            }
        }
    }

    #[test]
    fn one_bit_of_a_later_chunk_is_flipped() {
        let mut store = Store::new(8 * CHUNK);
        assert!(store.push(Duration::ZERO, &[0; 5000], Some((4999, 0x10))));
        let packet = pop(&mut store, Duration::ZERO).unwrap();
        assert_eq!((packet[4999], packet.iter().map(|b| b.count_ones()).sum::<u32>()), (0x10, 1));
    }

    #[test]
    fn memory_is_given_back_when_nothing_waits() {
        let mut store = Store::new(4096 * CHUNK);
        (0..4096).for_each(|i| assert!(store.push(Duration::from_nanos(i), b"x", None)));
        assert!(!store.push(Duration::ZERO, b"x", None));
        (0..4096).for_each(|_| assert!(pop(&mut store, Duration::MAX).is_some()));
        assert_eq!((store.chunks.len(), store.next_due()), (0, None));
    }
}
