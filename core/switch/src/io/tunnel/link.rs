//! The switch's end of a peer.

use super::pipe::Shared;
use crate::drops::DropReason;
use crate::io::batch::BATCH;
use crate::io::queue::{is_control, PacketQueue, QUEUE_BYTES};
use crate::io::{Admission, Batch, Descriptors, Link};
use crate::port::Capabilities;
use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::Ordering;
use std::sync::Arc;

/// A port whose peer is a switch on another host. There is carrier while frames pass.
pub struct TunnelLink {
    shared: Arc<Shared>,
    up: bool,
    /// What was received and not handed on.
    waiting: PacketQueue,
    /// Bytes admitted in this turn.
    admitted: usize,
}

impl TunnelLink {
    pub(super) fn new(shared: Arc<Shared>) -> TunnelLink {
        TunnelLink { shared, up: false, waiting: PacketQueue::new(QUEUE_BYTES), admitted: 0 }
    }
}

impl Link for TunnelLink {
    fn kind(&self) -> &'static str {
        "tunnel"
    }

    fn descriptors(&self) -> Descriptors<'_> {
        Descriptors {
            listener: Some(self.shared.connected.0.as_fd()),
            peer: self.up.then(|| self.shared.frames.0.as_fd()),
        }
    }

    /// The peer is a switch as this one is: it finishes for its ports what they cannot take.
    fn capabilities(&self) -> Capabilities {
        Capabilities::ALL
    }

    fn admit(&mut self, packet: &[u8]) -> Admission {
        if !is_control(packet) && !self.shared.down.has_room(self.admitted + packet.len()) {
            return Admission::Drop(DropReason::QueueFull);
        }
        self.admitted += packet.len();
        Admission::Send
    }

    fn accept(&mut self) -> io::Result<()> {
        self.shared.connected.silence();
        self.up = self.shared.carrier.load(Ordering::Acquire);
        Ok(())
    }

    fn receive(&mut self, batch: &mut Batch) -> io::Result<bool> {
        batch.truncate(0);
        if !self.shared.carrier.load(Ordering::Acquire) {
            return Ok(false);
        }
        if self.waiting.is_empty() {
            self.shared.take_received(&mut self.waiting);
        }
        let mut views = [&[][..]; BATCH];
        let mut lengths = [0; BATCH];
        let count = self.waiting.peek(&mut views);
        for ((slot, view), length) in batch.slots().iter_mut().zip(&views[..count]).zip(&mut lengths) {
            slot[..view.len()].copy_from_slice(view);
            *length = view.len();
        }
        batch.fill(&lengths[..count]);
        self.waiting.pop(count);
        if self.waiting.is_empty() {
            self.shared.up.silence_if_empty();
        }
        Ok(true)
    }

    fn send(&mut self, packets: &[&[u8]]) -> io::Result<usize> {
        self.shared.down.push(packets);
        self.admitted = 0;
        Ok(packets.len())
    }

    fn hang_up(&mut self) {
        self.up = false;
        self.admitted = 0;
        self.waiting.pop(self.waiting.len());
        self.shared.take_received(&mut self.waiting);
        self.waiting.pop(self.waiting.len());
        self.shared.frames.silence();
        if self.shared.carrier.load(Ordering::Acquire) {
            self.shared.connected.ring();
        }
    }
}

impl Drop for TunnelLink {
    fn drop(&mut self) {
        self.shared.attached.store(false, Ordering::Release);
        self.hang_up();
    }
}
