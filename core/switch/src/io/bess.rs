//! A port for plain SEQPACKET peers, one frame in each message and nothing else: User Mode Linux' vector transport `bess`.

use super::batch::Batch;
use super::link::{Descriptors, Link};
use super::listener::Listener;
use super::socket::PacketSocket;
use crate::port::Capabilities;
use rustix::net::SocketType;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

/// A listening socket and the one peer that may be connected to it.
pub struct BessLink {
    listener: Listener,
    peer: Option<PacketSocket>,
}

impl BessLink {
    /// Listen at `path`, mode 0600. A socket that is there is replaced: the caller owns the folder.
    pub fn listen(path: &Path) -> io::Result<BessLink> {
        Ok(BessLink { listener: Listener::unix(path, SocketType::SEQPACKET)?, peer: None })
    }
}

impl Link for BessLink {
    fn kind(&self) -> &'static str {
        "bess"
    }

    fn descriptors(&self) -> Descriptors<'_> {
        Descriptors { listener: Some(self.listener.as_fd()), peer: self.peer.as_ref().map(AsFd::as_fd) }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::NONE
    }

    fn accept(&mut self) -> io::Result<()> {
        let Some(peer) = self.listener.accept()? else { return Ok(()) };
        if self.peer.as_ref().is_none_or(PacketSocket::is_closed) {
            self.peer = Some(PacketSocket::plain(peer));
        }
        Ok(())
    }

    fn receive(&mut self, batch: &mut Batch) -> io::Result<bool> {
        self.peer.as_ref().map_or(Ok(false), |peer| peer.receive(batch))
    }

    fn send(&mut self, packets: &[&[u8]]) -> io::Result<usize> {
        self.peer.as_ref().ok_or(io::ErrorKind::NotConnected)?.send(packets)
    }

    fn hang_up(&mut self) {
        self.peer = None;
    }
}
