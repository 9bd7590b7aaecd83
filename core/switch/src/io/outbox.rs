//! What is on its way to one peer: the list of this turn, and the queue of what the peer did not take.

use super::batch::{Batch, BATCH};
use super::link::Link;
use super::queue::{PacketQueue, QUEUE_BYTES};
use super::socket::is_transient;
use crate::wire::VNET_HEADER;
use std::io;
use std::ops::Range;

/// Errors of one packet, not of the peer.
const REFUSALS: [i32; 4] = [libc::EMSGSIZE, libc::EINVAL, libc::ECONNREFUSED, libc::EIO];

/// Where a packet of this turn lies.
#[derive(Clone, Debug)]
pub(super) enum Packet {
    /// In this buffer of the batch.
    Slot(usize),
    /// In the arena of finished packets.
    Arena(Range<usize>),
}

/// What became of packets.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) frames: u64,
    pub(super) bytes: u64,
    pub(super) queue_full: u64,
    pub(super) failed: u64,
    /// Not sent, for the peer is gone.
    pub(super) lost: u64,
    /// The peer is gone.
    pub(super) gone: bool,
}

pub(super) struct Outbox {
    list: Vec<Packet>,
    queue: PacketQueue,
}

impl Outbox {
    pub(super) fn new() -> Outbox {
        Outbox { list: Vec::with_capacity(BATCH), queue: PacketQueue::new(QUEUE_BYTES) }
    }

    /// Note a packet of this turn; returns whether it is the first.
    pub(super) fn add(&mut self, packet: Packet) -> bool {
        self.list.push(packet);
        self.list.len() == 1
    }

    /// Whether packets wait for the peer.
    pub(super) fn has_backlog(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Packets that wait for the peer.
    pub(super) fn backlog(&self) -> usize {
        self.queue.len()
    }

    /// Send the list, behind what already waits; queue what the peer does not take.
    pub(super) fn flush(&mut self, link: &mut dyn Link, batch: &Batch, arena: &[u8]) -> Tally {
        let mut tally = Tally::default();
        for chunk in self.list.chunks(BATCH) {
            let mut views = [&[][..]; BATCH];
            for (view, packet) in views.iter_mut().zip(chunk) {
                *view = match packet {
                    Packet::Slot(index) => batch.packet(*index),
                    Packet::Arena(range) => &arena[range.clone()],
                };
            }
            let views = &views[..chunk.len()];
            let sent = if self.queue.is_empty() && !tally.gone { send(link, views, &mut tally) } else { 0 };
            for packet in &views[sent..] {
                if tally.gone {
                    tally.lost += 1;
                } else if !self.queue.push(packet) {
                    tally.queue_full += 1;
                }
            }
        }
        self.list.clear();
        tally
    }

    /// The peer takes more: send what waits, at most a batch.
    pub(super) fn drain(&mut self, link: &mut dyn Link) -> Tally {
        let mut tally = Tally::default();
        let mut views = [&[][..]; BATCH];
        let count = self.queue.peek(&mut views);
        if count == 0 {
            tally.gone = link.send(&[]).is_err_and(|error| !is_transient(&error));
        }
        let done = send(link, &views[..count], &mut tally);
        self.queue.pop(done);
        tally
    }

    /// Forget everything; returns how many packets that were.
    pub(super) fn clear(&mut self) -> u64 {
        let lost = self.list.len() + self.queue.len();
        self.list.clear();
        self.queue.pop(self.queue.len());
        lost as u64
    }
}

/// Send until the peer blocks or is gone; returns how many packets are done with, sent or refused by the host.
fn send(link: &mut dyn Link, packets: &[&[u8]], tally: &mut Tally) -> usize {
    let mut done = 0;
    while done < packets.len() {
        match link.send(&packets[done..]) {
            Ok(0) => break,
            Ok(sent) => {
                let bytes: usize = packets[done..done + sent].iter().map(|p| p.len().saturating_sub(VNET_HEADER)).sum();
                tally.frames += sent as u64;
                tally.bytes += bytes as u64;
                done += sent;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if is_transient(&error) => break,
            // Refused: by a datagram socket whose peer is not there now, which its link looks after; or the device is down.
            Err(error) if error.raw_os_error().is_some_and(|code| REFUSALS.contains(&code)) => {
                tally.failed += 1;
                done += 1;
            }
            Err(_) => {
                tally.gone = true;
                break;
            }
        }
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::Descriptors;
    use crate::port::Capabilities;

    /// A peer that takes this many packets and is gone.
    struct Mortal(usize);

    impl Link for Mortal {
        fn kind(&self) -> &'static str {
            "mortal"
        }

        fn descriptors(&self) -> Descriptors<'_> {
            Descriptors::default()
        }

        fn capabilities(&self) -> Capabilities {
            Capabilities::NONE
        }

        fn receive(&mut self, _: &mut Batch) -> io::Result<bool> {
            Ok(false)
        }

        fn send(&mut self, packets: &[&[u8]]) -> io::Result<usize> {
            let taken = packets.len().min(std::mem::take(&mut self.0));
            if taken == 0 {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            Ok(taken)
        }

        fn hang_up(&mut self) {}
    }

    #[test]
    fn every_frame_to_a_peer_that_goes_is_accounted_for() {
        let mut outbox = Outbox::new();
        let arena = [0; 20 * 100];
        for at in 0..100 {
            outbox.add(Packet::Arena(20 * at..20 * (at + 1)));
        }
        let tally = outbox.flush(&mut Mortal(7), &Batch::new(), &arena);
        assert_eq!((tally.frames, tally.lost, tally.gone), (7, 93, true));
    }
}
