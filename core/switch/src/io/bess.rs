//! A port for plain SEQPACKET peers, one frame in each message and nothing else: User Mode Linux' vector transport `bess`.

use super::batch::Batch;
use super::link::{Descriptors, Link};
use super::listener::Listener;
use super::seat::Seat;
use super::socket::PacketSocket;
use crate::port::Capabilities;
use rustix::net::SocketType;
use std::io;
use std::path::Path;

/// A peer without headers.
pub struct BessLink(Seat<PacketSocket>);

impl BessLink {
    /// Listen at `path`, mode 0600. A socket that is there is replaced: the caller owns the folder.
    pub fn listen(path: &Path) -> io::Result<BessLink> {
        Ok(BessLink(Seat::new(Listener::unix(path, SocketType::SEQPACKET)?)))
    }
}

impl Link for BessLink {
    fn kind(&self) -> &'static str {
        "bess"
    }

    fn descriptors(&self) -> Descriptors<'_> {
        self.0.descriptors()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::NONE
    }

    fn accept(&mut self) -> io::Result<()> {
        self.0.accept(PacketSocket::plain).map(drop)
    }

    fn receive(&mut self, batch: &mut Batch) -> io::Result<bool> {
        self.0.peer.as_ref().map_or(Ok(false), |peer| peer.receive(batch))
    }

    fn send(&mut self, packets: &[&[u8]]) -> io::Result<usize> {
        self.0.connected()?.send(packets)
    }

    fn hang_up(&mut self) {
        self.0.peer = None;
    }
}
