//! What a kind of port must be able to do for the datapath.

use super::batch::Batch;
use crate::drops::DropReason;
use crate::port::Capabilities;
use std::io;
use std::os::fd::BorrowedFd;

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

/// The outer side of a port: a guest's socket now; TAPs, tunnels and foreign sockets by the same calls.
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

    /// Receive what is there, at most one batch. An error, or `Ok(false)`, says that the peer is gone; what the batch
    /// holds is good all the same.
    fn receive(&mut self, batch: &mut Batch) -> io::Result<bool>;

    /// Send packets, from the first on; returns how many went. `WouldBlock` when none does now.
    fn send(&mut self, packets: &[&[u8]]) -> io::Result<usize>;

    /// The peer is gone or is to go: close its descriptor.
    fn hang_up(&mut self);
}
