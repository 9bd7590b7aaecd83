//! The split virtqueue, the device's trust boundary (section 2.7), over rust-vmm's `virtio-queue`.
//!
//! A chain that this hands out lies wholly in RAM, ends, and has its device-writable part behind its device-readable one.
//! Anything else is [`Malformed`], upon which the device asks to be reset.

use std::fmt;
use std::sync::atomic::{fence, Ordering};

use virtio_queue::{Queue, QueueOwnedT, QueueT};
use vm_memory::{Bytes, GuestAddress};

use super::iov::Pieces;
use crate::memory::GuestRam;

/// The longest chain that is accepted; what one system call takes (`IOV_MAX`).
const MAX_CHAIN: usize = 1024;
const DESCRIPTOR_NEXT: u16 = 1;
const AVAIL_NO_INTERRUPT: u16 = 1;

/// The driver broke the queue's format.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed(pub String);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Malformed {}

fn malformed(error: impl fmt::Display) -> Malformed {
    Malformed(error.to_string())
}

/// One request of the driver.
#[derive(Debug)]
pub struct Chain<'ram> {
    /// Its name when it is given back.
    pub head: u16,
    /// What the device may read.
    pub readable: Pieces<'ram>,
    /// What the device may write.
    pub writable: Pieces<'ram>,
}

/// Where the driver put a queue.
#[derive(Clone, Copy, Debug, Default)]
pub struct Placement {
    /// Number of entries.
    pub size: u16,
    /// Descriptor table, guest-physical.
    pub descriptors: u64,
    /// Available ring ("driver area"), guest-physical.
    pub driver: u64,
    /// Used ring ("device area"), guest-physical.
    pub device: u64,
}

/// A queue that is in use.
#[derive(Debug)]
pub struct Virtqueue {
    queue: Queue,
    next_used: u16,
    /// `next_used` when the driver was last considered for an interrupt.
    signalled: u16,
}

impl Virtqueue {
    /// A queue of at most `max_size` entries at `placement`.
    ///
    /// # Errors
    /// When its size is no power of two up to `max_size`, or a part is misaligned or not in RAM.
    pub fn new(ram: &GuestRam, max_size: u16, placement: Placement, event_idx: bool) -> Result<Self, Malformed> {
        let mut queue = Queue::new(max_size).map_err(malformed)?;
        queue.try_set_size(placement.size).map_err(malformed)?;
        queue.try_set_desc_table_address(GuestAddress(placement.descriptors)).map_err(malformed)?;
        queue.try_set_avail_ring_address(GuestAddress(placement.driver)).map_err(malformed)?;
        queue.try_set_used_ring_address(GuestAddress(placement.device)).map_err(malformed)?;
        queue.set_event_idx(event_idx);
        queue.set_ready(true);
        // With EVENT_IDX each ring has a 16-bit index behind it; the crate's check includes both.
        if !queue.is_valid(ram.guest_memory()) {
            return Err(malformed("a part of the queue is not in RAM"));
        }
        // The device's ring is written all the time, and not by way of `Pieces`.
        if let Some(ring) = ram.host_at(placement.device, 1) {
            let last = ring.wrapping_add(4 + 8 * usize::from(placement.size) + 1);
            (ram.number(ring)..=ram.number(last)).for_each(|page| ram.writes().note_always(page));
        }
        Ok(Self { queue, next_used: 0, signalled: 0 })
    }

    /// Number of entries.
    #[must_use]
    pub fn size(&self) -> usize {
        self.queue.size().into()
    }

    /// The next request, if there is one.
    ///
    /// # Errors
    /// When the ring or the chain is malformed.
    pub fn pop<'ram>(&mut self, ram: &'ram GuestRam) -> Result<Option<Chain<'ram>>, Malformed> {
        let Some(descriptors) = self.queue.iter(ram.guest_memory()).map_err(malformed)?.next() else { return Ok(None) };
        let mut chain =
            Chain { head: descriptors.head_index(), readable: Pieces::default(), writable: Pieces::default() };
        // The iterator ends at the chain's end and at whatever it cannot follow; only the former has no successor.
        let mut complete = false;
        for (count, descriptor) in descriptors.enumerate() {
            if count == MAX_CHAIN {
                return Err(malformed("a chain has more than 1024 descriptors"));
            }
            let part = if descriptor.is_write_only() {
                &mut chain.writable
            } else if chain.writable.is_empty() {
                &mut chain.readable
            } else {
                return Err(malformed("a readable descriptor behind a writable one"));
            };
            if !part.push(ram, descriptor.addr().0, descriptor.len()) {
                return Err(malformed("a buffer is not in RAM"));
            }
            complete = descriptor.flags() & DESCRIPTOR_NEXT == 0;
        }
        if !complete {
            return Err(malformed("a chain does not end"));
        }
        Ok(Some(chain))
    }

    /// Put the request that was popped last back, to be popped again.
    pub fn unpop(&mut self) {
        self.queue.go_to_previous_position();
    }

    /// Give requests back, each with the number of bytes of its writable part that were filled. The driver sees all of
    /// them at once: a frame that is spread over several buffers must not be seen in part.
    ///
    /// # Errors
    /// As [`Virtqueue::disarm`].
    pub fn push(&mut self, ram: &GuestRam, done: &[(u16, usize)]) -> Result<(), Malformed> {
        let memory = ram.guest_memory();
        let ring = self.queue.used_ring();
        for (head, written) in done {
            let slot = u64::from(self.next_used % self.queue.size());
            let element = [u32::from(*head).to_le(), u32::try_from(*written).unwrap_or(u32::MAX).to_le()];
            memory.write_obj(element, GuestAddress(ring + 4 + 8 * slot)).map_err(malformed)?;
            self.next_used = self.next_used.wrapping_add(1);
        }
        memory.store(self.next_used.to_le(), GuestAddress(ring + 2), Ordering::Release).map_err(malformed)
    }

    /// Ask the driver not to notify: the device looks at the queue anyway.
    ///
    /// # Errors
    /// When the ring is not in RAM, which [`Virtqueue::new`] rules out.
    pub fn disarm(&mut self, ram: &GuestRam) -> Result<(), Malformed> {
        self.queue.disable_notification(ram.guest_memory()).map_err(malformed)
    }

    /// Ask the driver to notify of the next request. True when there is one already, for which no notification may come.
    ///
    /// # Errors
    /// As [`Virtqueue::disarm`].
    pub fn arm(&mut self, ram: &GuestRam) -> Result<bool, Malformed> {
        self.queue.enable_notification(ram.guest_memory()).map_err(malformed)
    }

    /// Whether requests were given back since the last call and the driver wants an interrupt for them (section 2.7.7).
    ///
    /// # Errors
    /// As [`Virtqueue::disarm`].
    pub fn take_signal(&mut self, ram: &GuestRam) -> Result<bool, Malformed> {
        let (new, old) = (self.next_used, std::mem::replace(&mut self.signalled, self.next_used));
        if new == old {
            return Ok(false);
        }
        // The used index must be out before the driver's wish is read: the driver does it the other way round.
        fence(Ordering::SeqCst);
        let ring = self.queue.avail_ring();
        let read =
            |at| ram.guest_memory().load(GuestAddress(at), Ordering::Relaxed).map(u16::from_le).map_err(malformed);
        if self.queue.event_idx_enabled() {
            let event = read(ring + 4 + 2 * u64::from(self.queue.size()))?;
            return Ok(new.wrapping_sub(event).wrapping_sub(1) < new.wrapping_sub(old));
        }
        Ok(read(ring)? & AVAIL_NO_INTERRUPT == 0)
    }
}
