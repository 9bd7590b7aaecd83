//! A connected SEQPACKET or DGRAM socket that carries packets, one in each message.

use super::batch::Batch;
use super::mmsg;
use crate::wire::VNET_HEADER;
use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::net::{socketpair, sockopt, AddressFamily, SocketFlags, SocketType};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Room asked of the kernel for packets under way to the peer, bytes; it grants what `net.core.wmem_max` allows.
const SEND_BUFFER: usize = 1024 * 1024;

/// One end of a connection.
pub struct PacketSocket {
    fd: OwnedFd,
    /// What of a packet is not in its message, bytes: nothing, or its virtio-net header.
    hidden: usize,
}

impl PacketSocket {
    /// Take over a connected socket whose messages are packets, with their virtio-net headers.
    pub fn new(fd: OwnedFd) -> PacketSocket {
        // Failing to get a larger buffer costs throughput, nothing else.
        let _ = sockopt::set_socket_send_buffer_size(&fd, SEND_BUFFER);
        PacketSocket { fd, hidden: 0 }
    }

    /// Take over a connected socket whose messages are frames alone. A packet's header is not sent, and what is received
    /// gets one of zeros.
    pub fn plain(fd: OwnedFd) -> PacketSocket {
        PacketSocket { hidden: VNET_HEADER, ..PacketSocket::new(fd) }
    }

    /// Two ends of one connection.
    pub fn pair() -> io::Result<(PacketSocket, PacketSocket)> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (a, b) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        Ok((PacketSocket::new(a), PacketSocket::new(b)))
    }

    /// Receive what is there, at most one batch. `Ok(false)` when the peer has closed.
    pub fn receive(&self, batch: &mut Batch) -> io::Result<bool> {
        batch.truncate(0);
        match mmsg::receive(self.as_fd(), batch, self.hidden) {
            Ok(_) => {}
            Err(error) if is_transient(&error) => return Ok(true),
            Err(error) => return Err(error),
        }
        // The end of the stream reads as empty messages without end; so does an empty message, once.
        match (0..batch.len()).find(|&i| batch.packet(i).len() == self.hidden) {
            Some(empty) if self.is_closed() => {
                batch.truncate(empty);
                Ok(false)
            }
            _ => Ok(true),
        }
    }

    /// Send packets, from the first on; returns how many went. `WouldBlock` when none does now.
    pub fn send(&self, packets: &[&[u8]]) -> io::Result<usize> {
        mmsg::send(self.as_fd(), packets, self.hidden)
    }

    /// Whether the peer has closed its end.
    pub fn is_closed(&self) -> bool {
        is_closed(self.as_fd())
    }
}

/// Whether the peer of a connected socket has closed its end.
pub(super) fn is_closed(fd: BorrowedFd<'_>) -> bool {
    let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::RDHUP)];
    let gone = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR;
    poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok() && fds[0].revents().intersects(gone)
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Whether `error` says to try again later rather than that the peer is gone.
pub(super) fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
        || matches!(error.raw_os_error(), Some(libc::ENOBUFS | libc::ENOMEM))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_keep_their_boundaries_and_the_end_is_seen() {
        let (a, b) = PacketSocket::pair().unwrap();
        assert_eq!(a.send(&[b"one", b"", b"three"]).unwrap(), 3);
        let mut batch = Batch::new();
        assert!(b.receive(&mut batch).unwrap());
        assert_eq!((batch.len(), batch.packet(0), batch.packet(2)), (3, &b"one"[..], &b"three"[..]));
        a.send(&[b"last"]).unwrap();
        drop(a);
        assert!(!b.receive(&mut batch).unwrap());
        assert_eq!((batch.len(), batch.packet(0)), (1, &b"last"[..]));
        assert!(b.is_closed());
    }

    #[test]
    fn a_plain_socket_has_frames_on_its_wire_and_packets_inside() {
        let (a, b) = PacketSocket::pair().unwrap();
        let a = PacketSocket::plain(a.fd);
        assert_eq!(a.send(&[b"twelve bytes-frame", b"short"]).unwrap(), 2);
        let mut batch = Batch::new();
        batch.slots()[0].fill(7);
        b.send(&[b"answer", b""]).unwrap();
        assert!(a.receive(&mut batch).unwrap());
        assert_eq!(
            (batch.len(), batch.packet(0), batch.packet(1)),
            (2, &b"\0\0\0\0\0\0\0\0\0\0\0\0answer"[..], &[0; 12][..])
        );
        assert!(b.receive(&mut batch).unwrap());
        assert_eq!((batch.len(), batch.packet(0), batch.packet(1)), (2, &b"-frame"[..], &b""[..]));
        drop(b);
        assert!(!a.receive(&mut batch).unwrap() && batch.is_empty());
    }

    #[test]
    fn a_full_peer_blocks_and_loses_nothing() {
        let (a, b) = PacketSocket::pair().unwrap();
        let packet = vec![7; 1000];
        let mut sent = 0;
        while let Ok(n) = a.send(&[&packet[..]; 32]) {
            sent += n;
        }
        let (mut batch, mut received) = (Batch::new(), 0);
        while received < sent {
            assert!(b.receive(&mut batch).unwrap() && !batch.is_empty());
            received += batch.len();
        }
        assert!(b.receive(&mut batch).unwrap() && batch.is_empty());
    }
}
