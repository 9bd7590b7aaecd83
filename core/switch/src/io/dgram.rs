//! A port for `-netdev dgram` of QEMU over unix sockets: one frame in each datagram, a path for either side.

use super::batch::Batch;
use super::link::{Descriptors, Link};
use super::listener::bound;
use super::socket::PacketSocket;
use crate::port::Capabilities;
use rustix::net::{connect, connect_unspec, SocketAddrUnix, SocketType};
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often the peer is looked for while it is not there.
const SEARCH: Duration = Duration::from_millis(250);

/// How often it is asked whether the peer is there still: a datagram socket is not told.
const CHECK: Duration = Duration::from_secs(1);

/// A socket at a path of ours, connected to a path of the peer's whenever there is a socket.
///
/// It is connected, though datagrams could be addressed one by one: only so poll(2) tells when a peer whose queue is full
/// takes more.
pub struct DgramLink {
    local: PathBuf,
    remote: SocketAddrUnix,
    socket: PacketSocket,
    connected: bool,
    /// The peer that was there is not there any more.
    gone: bool,
    due: Duration,
}

impl DgramLink {
    /// Bind `local`, mode 0600, for a peer at `remote`. A socket at `local` is replaced: the caller owns the folder.
    pub fn bind(local: &Path, remote: &Path) -> io::Result<DgramLink> {
        let remote = SocketAddrUnix::new(remote)?;
        let socket = PacketSocket::plain(bound(local, SocketType::DGRAM)?);
        Ok(DgramLink { local: local.to_owned(), remote, socket, connected: false, gone: false, due: Duration::ZERO })
    }
}

impl Link for DgramLink {
    fn kind(&self) -> &'static str {
        "dgram"
    }

    fn descriptors(&self) -> Descriptors<'_> {
        Descriptors { listener: None, peer: self.connected.then(|| self.socket.as_fd()) }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::NONE
    }

    fn receive(&mut self, batch: &mut Batch) -> io::Result<bool> {
        Ok(self.socket.receive(batch)? && !self.gone)
    }

    fn send(&mut self, packets: &[&[u8]]) -> io::Result<usize> {
        let sent = self.socket.send(packets);
        if sent.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
            self.due = Duration::ZERO;
        }
        sent
    }

    fn due(&self) -> Option<Duration> {
        Some(self.due)
    }

    fn tick(&mut self, now: Duration) {
        // A peer that was started again has another socket at its path; this finds it.
        let there = connect(self.socket.as_fd(), &self.remote).is_ok();
        self.gone = self.connected && !there;
        self.connected |= there;
        self.due = now + if there { CHECK } else { SEARCH };
    }

    fn hang_up(&mut self) {
        // As long as the socket is connected to the one that is gone, it takes nothing from the next one.
        let _ = connect_unspec(self.socket.as_fd());
        (self.connected, self.gone) = (false, false);
    }
}

impl Drop for DgramLink {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.local);
    }
}
