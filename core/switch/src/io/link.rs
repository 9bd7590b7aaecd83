//! What a kind of port must be able to do for the datapath.

use super::batch::Batch;
use crate::drops::DropReason;
use crate::port::Capabilities;
use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

/// What the datapath polls for a port.
#[derive(Default)]
pub struct Descriptors<'a> {
    /// Readable when a peer wants to connect.
    pub listener: Option<BorrowedFd<'a>>,
    /// The peer: readable when there are packets, writable when it takes some. There is carrier while there is one.
    pub peer: Option<BorrowedFd<'a>>,
}

/// What a link does with a packet that the switch has for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It goes to the peer.
    Send,
    /// The link took it for another use.
    Taken,
    /// It goes nowhere.
    Drop(DropReason),
}

/// The outer side of a port: a guest's socket, a foreign one, a TAP, a tunnel.
///
/// No call blocks. Packets have their virtio-net header in front.
pub trait Link: Send {
    /// The stable name of the kind.
    fn kind(&self) -> &'static str;

    /// What to poll.
    fn descriptors(&self) -> Descriptors<'_>;

    /// What the peer takes unfinished.
    fn capabilities(&self) -> Capabilities;

    /// A packet, finished as the capabilities want it, is about to go to the peer.
    fn admit(&mut self, _packet: &[u8]) -> Admission {
        Admission::Send
    }

    /// The listener is readable: take the peer, or refuse it. Errors that are not `WouldBlock` are of the host
    /// (no descriptors left) and pass.
    fn accept(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// A link that came up at this one's listener and is to have a port of its own; asked for after each `accept`.
    fn spawn(&mut self) -> Option<Spawned> {
        None
    }

    /// Receive what is there, at most one batch. An error, or `Ok(false)`, says that the peer is gone; what the batch
    /// holds is good all the same.
    fn receive(&mut self, batch: &mut Batch) -> io::Result<bool>;

    /// Send packets, from the first on; returns how many went. `WouldBlock` when none does now. Without packets: go on
    /// with what is unsent.
    fn send(&mut self, packets: &[&[u8]]) -> io::Result<usize>;

    /// Whether the rest of a packet that counts as sent waits for the peer.
    fn has_unsent(&self) -> bool {
        false
    }

    /// When the link wants to be called although nothing happens at its descriptors, in the datapath's time; what has
    /// passed is at once. Then there is a `tick`, and a `receive` if there is a peer.
    fn due(&self) -> Option<Duration> {
        None
    }

    /// It is `now`, and something was due. The peer may come and go here.
    fn tick(&mut self, _now: Duration) {}

    /// Tell, once, how many frames were dropped inside of the link, and why.
    fn take_drops(&mut self, _count: &mut dyn FnMut(DropReason, u64)) {}

    /// The peer is gone or is to go: close its descriptor.
    fn hang_up(&mut self);

    /// Whether the port is to be removed, since nobody can connect to it any more.
    fn is_over(&self) -> bool {
        false
    }

    /// What the peer calls itself, for people.
    fn peer(&self) -> Option<&str> {
        None
    }
}

/// A link that another one's listener made.
pub struct Spawned {
    /// The link.
    pub link: Box<dyn Link>,
    /// The number behind the port's name that its peer wishes for.
    pub number: Option<u32>,
}
