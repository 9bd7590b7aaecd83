//! A port over a connected socket that somebody else opened: a descriptor that the daemon inherited.

use super::batch::Batch;
use super::link::{Descriptors, Link};
use super::socket::PacketSocket;
use super::stream_socket::StreamSocket;
use crate::drops::DropReason;
use crate::port::Capabilities;
use rustix::net::{sockopt, SocketType};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

enum Peer {
    Packets(PacketSocket),
    Stream(StreamSocket),
}

/// Frames in messages (SEQPACKET, DGRAM), or behind their lengths (STREAM). When the peer is gone it does not come back.
pub struct InheritedLink {
    peer: Option<Peer>,
}

impl InheritedLink {
    /// Take over a connected socket. ENOTSOCK, ENOTCONN, or EPROTOTYPE if it is none or of another type.
    pub fn new(fd: OwnedFd) -> io::Result<InheritedLink> {
        let kind = sockopt::socket_type(&fd)?;
        rustix::net::getpeername(&fd)?;
        let peer = match kind {
            SocketType::SEQPACKET | SocketType::DGRAM => Peer::Packets(PacketSocket::plain(fd)),
            SocketType::STREAM => Peer::Stream(StreamSocket::new(fd)),
            _ => return Err(io::Error::from_raw_os_error(libc::EPROTOTYPE)),
        };
        Ok(InheritedLink { peer: Some(peer) })
    }

    fn stream(&self) -> Option<&StreamSocket> {
        match &self.peer {
            Some(Peer::Stream(stream)) => Some(stream),
            _ => None,
        }
    }
}

impl Link for InheritedLink {
    fn kind(&self) -> &'static str {
        "fd"
    }

    fn descriptors(&self) -> Descriptors<'_> {
        let peer = self.peer.as_ref().map(|peer| match peer {
            Peer::Packets(packets) => packets.as_fd(),
            Peer::Stream(stream) => stream.as_fd(),
        });
        Descriptors { listener: None, peer }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::NONE
    }

    fn receive(&mut self, batch: &mut Batch) -> io::Result<bool> {
        match &mut self.peer {
            // UDP: nobody listens at the other end, yet or any more.
            Some(Peer::Packets(packets)) => match packets.receive(batch) {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(true),
                result => result,
            },
            Some(Peer::Stream(stream)) => stream.receive(batch),
            None => Ok(false),
        }
    }

    fn send(&mut self, packets: &[&[u8]]) -> io::Result<usize> {
        match &mut self.peer {
            Some(Peer::Packets(socket)) => socket.send(packets),
            Some(Peer::Stream(stream)) => stream.send(packets),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn has_unsent(&self) -> bool {
        self.stream().is_some_and(StreamSocket::has_unsent)
    }

    fn due(&self) -> Option<Duration> {
        self.stream().is_some_and(StreamSocket::has_frames).then_some(Duration::ZERO)
    }

    fn take_drops(&mut self, count: &mut dyn FnMut(DropReason, u64)) {
        if let Some(Peer::Stream(stream)) = &mut self.peer {
            count(DropReason::BadLength, stream.take_bad_lengths());
        }
    }

    fn hang_up(&mut self) {
        self.peer = None;
    }
}
