//! A port for `-netdev stream` of QEMU, and of whoever frames likewise (passt): we listen, the peer connects again for ever.

use super::batch::Batch;
use super::link::{Descriptors, Link};
use super::listener::Listener;
use super::socket::is_closed;
use super::stream_socket::StreamSocket;
use crate::drops::DropReason;
use crate::port::Capabilities;
use rustix::net::{sockopt, SocketType};
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

/// A listening stream socket and the one peer that may be connected to it.
pub struct StreamLink {
    listener: Listener,
    peer: Option<StreamSocket>,
}

impl StreamLink {
    /// Listen at the unix socket `path`, mode 0600. A socket that is there is replaced: the caller owns the folder.
    pub fn listen(path: &Path) -> io::Result<StreamLink> {
        Ok(StreamLink { listener: Listener::unix(path, SocketType::STREAM)?, peer: None })
    }

    /// Listen at a TCP address. Whoever reaches it is a peer.
    pub fn listen_tcp(address: SocketAddr) -> io::Result<StreamLink> {
        Ok(StreamLink { listener: Listener::tcp(address)?, peer: None })
    }
}

impl Link for StreamLink {
    fn kind(&self) -> &'static str {
        "stream"
    }

    fn descriptors(&self) -> Descriptors<'_> {
        Descriptors { listener: Some(self.listener.as_fd()), peer: self.peer.as_ref().map(AsFd::as_fd) }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::NONE
    }

    fn accept(&mut self) -> io::Result<()> {
        let Some(peer) = self.listener.accept()? else { return Ok(()) };
        if self.peer.as_ref().is_none_or(|old| is_closed(old.as_fd())) {
            // Not for unix sockets, which do not wait for more anyway.
            let _ = sockopt::set_tcp_nodelay(&peer, true);
            self.peer = Some(StreamSocket::new(peer));
        }
        Ok(())
    }

    fn receive(&mut self, batch: &mut Batch) -> io::Result<bool> {
        self.peer.as_mut().map_or(Ok(false), |peer| peer.receive(batch))
    }

    fn send(&mut self, packets: &[&[u8]]) -> io::Result<usize> {
        self.peer.as_mut().ok_or(io::ErrorKind::NotConnected)?.send(packets)
    }

    fn has_unsent(&self) -> bool {
        self.peer.as_ref().is_some_and(StreamSocket::has_unsent)
    }

    fn due(&self) -> Option<Duration> {
        self.peer.as_ref().is_some_and(StreamSocket::has_frames).then_some(Duration::ZERO)
    }

    fn take_drops(&mut self, count: &mut dyn FnMut(DropReason, u64)) {
        if let Some(peer) = &mut self.peer {
            count(DropReason::BadLength, peer.take_bad_lengths());
        }
    }

    fn hang_up(&mut self) {
        self.peer = None;
    }
}
