//! A port for `-netdev stream` of QEMU, and of whoever frames likewise (passt): we listen, the peer connects again for ever.

use super::batch::Batch;
use super::link::{Descriptors, Link};
use super::listener::Listener;
use super::seat::Seat;
use super::stream_socket::StreamSocket;
use crate::drops::DropReason;
use crate::port::Capabilities;
use rustix::net::{sockopt, SocketType};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// A peer whose frames are behind their lengths.
pub struct StreamLink(Seat<StreamSocket>);

impl StreamLink {
    /// Listen at the unix socket `path`, mode 0600. A socket that is there is replaced: the caller owns the folder.
    pub fn listen(path: &Path) -> io::Result<StreamLink> {
        Ok(StreamLink(Seat::new(Listener::unix(path, SocketType::STREAM)?)))
    }

    /// Listen at a TCP address. Whoever reaches it is a peer.
    pub fn listen_tcp(address: SocketAddr) -> io::Result<StreamLink> {
        Ok(StreamLink(Seat::new(Listener::tcp(address)?)))
    }
}

impl Link for StreamLink {
    fn kind(&self) -> &'static str {
        "stream"
    }

    fn descriptors(&self) -> Descriptors<'_> {
        self.0.descriptors()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::NONE
    }

    fn accept(&mut self) -> io::Result<()> {
        let greet = |peer| {
            // Not for unix sockets, which do not wait for more anyway.
            let _ = sockopt::set_tcp_nodelay(&peer, true);
            StreamSocket::new(peer)
        };
        self.0.accept(greet).map(drop)
    }

    fn receive(&mut self, batch: &mut Batch) -> io::Result<bool> {
        self.0.peer.as_mut().map_or(Ok(false), |peer| peer.receive(batch))
    }

    fn send(&mut self, packets: &[&[u8]]) -> io::Result<usize> {
        self.0.connected()?.send(packets)
    }

    fn has_unsent(&self) -> bool {
        self.0.peer.as_ref().is_some_and(StreamSocket::has_unsent)
    }

    fn due(&self) -> Option<Duration> {
        self.0.peer.as_ref().is_some_and(StreamSocket::has_frames).then_some(Duration::ZERO)
    }

    fn take_drops(&mut self, count: &mut dyn FnMut(DropReason, u64)) {
        if let Some(peer) = &mut self.0.peer {
            count(DropReason::BadLength, peer.take_bad_lengths());
        }
    }

    fn hang_up(&mut self) {
        self.0.peer = None;
    }
}
