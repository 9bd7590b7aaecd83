//! Network device (section 5.1): one pair of queues between the guest and a [`Link`].
//!
//! Link status follows the link. While it is down the guest's frames are dropped and counted; while the driver is down,
//! the switch's are. A guest without receive buffers, and a switch that takes no more, hold the other side up instead.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::Arc;
use std::time::Instant;

use super::link::{Link, BATCH, PACKET};
use super::offload::{self, Accepts, HEADER};
use super::queue::{Chain, Malformed, Virtqueue};
use super::worker::{Backend, Shared, Wait};
use super::{feature, Model};
use crate::memory::GuestRam;

const F_CSUM: u64 = 1 << 0;
const F_GUEST_CSUM: u64 = 1 << 1;
const F_MAC: u64 = 1 << 5;
const F_GUEST_TSO4: u64 = 1 << 7;
const F_GUEST_TSO6: u64 = 1 << 8;
const F_HOST_TSO4: u64 = 1 << 11;
const F_HOST_TSO6: u64 = 1 << 12;
const F_MRG_RXBUF: u64 = 1 << 15;
const F_STATUS: u64 = 1 << 16;

/// Offset of `status` in the configuration space, and its bit for "link up".
const STATUS: usize = 6;
const LINK_UP: u8 = 1;
/// Offset of `num_buffers` in the header.
const NUM_BUFFERS: usize = 10;
/// Header length of a driver that took neither `VERSION_1` nor `MRG_RXBUF`.
const SHORT_HEADER: usize = 10;
const ETHERNET_HEADER: usize = 14;
/// More pieces than this in a frame (with the header's own) do not fit into one system call.
const MAX_PIECES: usize = 1023;

const RX: usize = 0;
const TX: usize = 1;

/// What happened on a device so far.
#[derive(Debug, Default)]
pub struct Counters {
    /// Whether the link is up.
    pub connected: AtomicBool,
    /// Frames given to the guest.
    pub rx_packets: AtomicU64,
    /// Their bytes.
    pub rx_bytes: AtomicU64,
    /// Frames given to the switch.
    pub tx_packets: AtomicU64,
    /// Their bytes.
    pub tx_bytes: AtomicU64,
    /// Frames of the guest dropped because the link was down.
    pub dropped_link_down: AtomicU64,
    /// Frames of the switch dropped because the driver was down.
    pub dropped_driver_down: AtomicU64,
    /// Frames dropped because the receiver could not take their form.
    pub dropped_unsupported: AtomicU64,
    /// Frames dropped because they were too short, too long or cut.
    pub dropped_malformed: AtomicU64,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

/// Packets that the link gave and the guest has not taken.
struct Inbox {
    buffer: Vec<u8>,
    lengths: [usize; BATCH],
    next: usize,
    count: usize,
}

/// The device.
pub struct Net {
    link: Link,
    shared: Arc<Shared>,
    counters: Arc<Counters>,
    up: bool,
    /// What the switch has yet to be told that the driver takes.
    hello: Option<u32>,
    accepts: Accepts,
    header: usize,
    mergeable: bool,
    inbox: Inbox,
}

enum Delivered {
    Yes,
    NoBuffers,
}

impl Net {
    /// What the transport announces for a device with the address `mac`.
    #[must_use]
    pub fn model(mac: [u8; 6]) -> Model {
        let mut config = mac.to_vec();
        // Status, then `max_virtqueue_pairs`, which is not offered.
        config.extend([0, 0, 0, 0]);
        let features = F_CSUM
            | F_GUEST_CSUM
            | F_MAC
            | F_GUEST_TSO4
            | F_GUEST_TSO6
            | F_HOST_TSO4
            | F_HOST_TSO6
            | F_MRG_RXBUF
            | F_STATUS;
        Model { id: 1, features, queues: &[256, 256], config }
    }

    /// A device on the switch port at `socket`.
    ///
    /// # Errors
    /// When `socket` is no possible socket path.
    pub fn new(socket: &Path, shared: Arc<Shared>, counters: Arc<Counters>) -> io::Result<Self> {
        Ok(Self {
            link: Link::new(socket)?,
            shared,
            counters,
            up: false,
            hello: None,
            accepts: Accepts::default(),
            header: HEADER,
            mergeable: false,
            // Zeroed by the host as it is touched: frames of common size touch one page of a slot.
            inbox: Inbox { buffer: vec![0; BATCH * PACKET], lengths: [0; BATCH], next: 0, count: 0 },
        })
    }

    /// Tell the guest when the link has come or gone.
    fn follow_link(&mut self) {
        let up = self.link.fd().is_some();
        if up != self.up {
            self.up = up;
            self.counters.connected.store(up, Relaxed);
            self.hello = Some(self.accepts.bits());
            self.shared.reconfigure(|config| config[STATUS] = if up { LINK_UP } else { 0 });
        }
    }

    /// Tell the switch what the driver takes, once for each connection and each driver.
    fn greet(&mut self) {
        if let Some(bits) = self.hello {
            if !matches!(self.link.announce(bits), Err(error) if error.kind() == io::ErrorKind::WouldBlock) {
                self.hello = None;
            }
        }
    }

    /// Move up to a batch of frames from the guest to the link. True: there may be more; false: none, or the link is full.
    fn transmit(&mut self, ram: &GuestRam, queue: &mut Virtqueue, full: &mut bool) -> Result<bool, Malformed> {
        let mut headers = [[0; HEADER]; BATCH];
        let mut chains: Vec<Chain<'_>> = Vec::with_capacity(BATCH);
        let mut drained = false;
        while chains.len() < BATCH {
            let Some(mut chain) = queue.pop(ram)? else {
                drained = true;
                break;
            };
            let header = &mut headers[chains.len()];
            let whole = chain.readable.take(&mut header[..self.header]);
            // Only a receiver's header counts buffers.
            header[NUM_BUFFERS..].fill(0);
            let frame = &chain.readable;
            let fits = (ETHERNET_HEADER..=PACKET - HEADER).contains(&frame.len()) && frame.raw().len() <= MAX_PIECES;
            if whole && fits {
                chains.push(chain);
                continue;
            }
            if !chains.is_empty() {
                // Only what was popped last can be put back, so a batch is of good frames in a row.
                queue.unpop();
                break;
            }
            count(&self.counters.dropped_malformed);
            queue.push(ram, &[(chain.head, 0)])?;
        }
        if !chains.is_empty() {
            let sent = self.send(&headers, &chains, full);
            let done: Vec<_> = chains[..sent].iter().map(|chain| (chain.head, 0)).collect();
            queue.push(ram, &done)?;
            if sent < chains.len() {
                chains[sent..].iter().for_each(|_| queue.unpop());
                return Ok(!*full);
            }
        }
        if drained {
            return queue.arm(ram);
        }
        Ok(true)
    }

    /// Send `chains` behind their headers; returns how many are done with, sent or dropped.
    fn send(&mut self, headers: &[[u8; HEADER]], chains: &[Chain<'_>], full: &mut bool) -> usize {
        let packets: Vec<Vec<libc::iovec>> = headers
            .iter()
            .zip(chains)
            .map(|(header, chain)| {
                let first = libc::iovec { iov_base: header.as_ptr().cast_mut().cast(), iov_len: HEADER };
                std::iter::once(first).chain(chain.readable.raw().iter().copied()).collect()
            })
            .collect();
        let packets: Vec<&[libc::iovec]> = packets.iter().map(Vec::as_slice).collect();
        match self.link.send(&packets) {
            Ok(sent) => {
                let bytes: usize = chains[..sent].iter().map(|chain| chain.readable.len()).sum();
                self.counters.tx_packets.fetch_add(sent as u64, Relaxed);
                self.counters.tx_bytes.fetch_add(bytes as u64, Relaxed);
                sent
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                *full = true;
                0
            }
            Err(_) if self.link.fd().is_some() => {
                // The link stands but refuses this packet.
                count(&self.counters.dropped_malformed);
                1
            }
            Err(_) => {
                self.counters.dropped_link_down.fetch_add(chains.len() as u64, Relaxed);
                chains.len()
            }
        }
    }

    /// Move a batch of frames from the link to the guest. False when the guest has no buffers: the rest waits.
    fn receive(&mut self, ram: &GuestRam, queue: &mut Virtqueue) -> Result<bool, Malformed> {
        while self.inbox.next < self.inbox.count {
            let slot = self.inbox.next * PACKET;
            let length = self.inbox.lengths[self.inbox.next];
            let packet = &mut self.inbox.buffer[slot..slot + length];
            if length < HEADER + ETHERNET_HEADER {
                count(&self.counters.dropped_malformed);
            } else if !offload::adapt(packet, self.accepts) {
                count(&self.counters.dropped_unsupported);
            } else if let Delivered::NoBuffers = self.deliver(ram, queue, slot, length)? {
                return Ok(false);
            }
            self.inbox.next += 1;
        }
        Ok(true)
    }

    /// Put one packet into the guest's buffers, or have the guest notify of more. A packet that was adapted may come here again: adapting is idempotent.
    fn deliver(
        &mut self,
        ram: &GuestRam,
        queue: &mut Virtqueue,
        slot: usize,
        length: usize,
    ) -> Result<Delivered, Malformed> {
        let need = self.header + length - HEADER;
        let mut chains: Vec<Chain<'_>> = Vec::new();
        let mut room = 0;
        while room < need {
            let Some(chain) = queue.pop(ram)? else {
                // Armed for a buffer beyond those that do not suffice, before they go back.
                let never = chains.len() >= queue.size();
                if !never && queue.arm(ram)? {
                    continue;
                }
                chains.iter().for_each(|_| queue.unpop());
                if never {
                    count(&self.counters.dropped_unsupported);
                    return Ok(Delivered::Yes);
                }
                return Ok(Delivered::NoBuffers);
            };
            if chain.writable.len() < if chains.is_empty() { self.header } else { 1 } {
                return Err(Malformed("a receive buffer without room".into()));
            }
            room += chain.writable.len();
            chains.push(chain);
            if !self.mergeable && room < need {
                queue.unpop();
                count(&self.counters.dropped_unsupported);
                return Ok(Delivered::Yes);
            }
        }
        let packet = &mut self.inbox.buffer[slot..slot + length];
        packet[NUM_BUFFERS..HEADER].copy_from_slice(&(chains.len() as u16).to_le_bytes());
        if self.header == SHORT_HEADER {
            // Close the gap that `num_buffers` leaves, once: the packet is delivered now.
            packet.copy_within(..SHORT_HEADER, HEADER - SHORT_HEADER);
        }
        let mut rest = &packet[HEADER - self.header..];
        let mut done = Vec::with_capacity(chains.len());
        for chain in &chains {
            let written = chain.writable.fill(rest);
            rest = &rest[written..];
            done.push((chain.head, written));
        }
        queue.push(ram, &done)?;
        count(&self.counters.rx_packets);
        self.counters.rx_bytes.fetch_add((length - HEADER) as u64, Relaxed);
        Ok(Delivered::Yes)
    }

    /// Fetch the next batch from the link; false when there is none.
    fn fetch(&mut self) -> bool {
        self.inbox.next = 0;
        self.inbox.count = self.link.receive(&mut self.inbox.buffer, &mut self.inbox.lengths).unwrap_or(0);
        self.inbox.count > 0
    }

    /// What to poll the link for; its end is always noticed.
    fn wait(&self, events: i16) -> Wait {
        Wait { source: self.link.fd().map(|fd| (fd, events)), timeout: None }
    }
}

impl Backend for Net {
    fn activate(&mut self, features: u64) {
        let has = |bit| features & bit != 0;
        self.accepts = Accepts { csum: has(F_GUEST_CSUM), tso4: has(F_GUEST_TSO4), tso6: has(F_GUEST_TSO6) };
        self.hello = Some(self.accepts.bits());
        self.mergeable = has(F_MRG_RXBUF);
        self.header = if has(feature::VERSION_1 | F_MRG_RXBUF) { HEADER } else { SHORT_HEADER };
        // What came before is not for this driver.
        self.inbox.count = 0;
        self.inbox.next = 0;
    }

    fn work(&mut self, ram: &GuestRam, queues: &mut [Option<Virtqueue>]) -> Result<Wait, Malformed> {
        self.link.connect(Instant::now());
        self.follow_link();
        self.greet();

        let mut full = self.hello.is_some();
        let mut more = false;
        if let Some(Some(queue)) = queues.get_mut(TX) {
            queue.disarm(ram)?;
            more = self.transmit(ram, queue, &mut full)?;
        }
        let mut starved = false;
        if let Some(Some(queue)) = queues.get_mut(RX) {
            queue.disarm(ram)?;
            if self.inbox.next < self.inbox.count || self.fetch() {
                starved = !self.receive(ram, queue)?;
                more |= !starved && self.inbox.count == BATCH;
            }
        } else if self.fetch() {
            self.counters.dropped_driver_down.fetch_add(self.inbox.count as u64, Relaxed);
            self.inbox.count = 0;
            more = true;
        }
        if starved {
            self.link.check();
        }
        self.follow_link();
        if more {
            return Ok(Wait::AGAIN);
        }
        let events = if starved { 0 } else { libc::POLLIN } | if full { libc::POLLOUT } else { 0 };
        // Asked last: the link may have gone in this very turn.
        Ok(Wait { timeout: self.link.due(Instant::now()), ..self.wait(events) })
    }
}

#[cfg(test)]
mod tests;
