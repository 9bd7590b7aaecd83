//! A connected SEQPACKET socket that carries packets, one in each message.

use super::batch::Batch;
use super::mmsg;
use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::net::{socketpair, sockopt, AddressFamily, SocketFlags, SocketType};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Room asked of the kernel for packets under way to the peer, bytes; it grants what `net.core.wmem_max` allows.
const SEND_BUFFER: usize = 1024 * 1024;

/// One end of a SEQPACKET connection.
pub struct PacketSocket(OwnedFd);

impl PacketSocket {
    /// Take over a connected, non-blocking socket.
    pub fn new(fd: OwnedFd) -> PacketSocket {
        // Failing to get a larger buffer costs throughput, nothing else.
        let _ = sockopt::set_socket_send_buffer_size(&fd, SEND_BUFFER);
        PacketSocket(fd)
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
        match mmsg::receive(self.as_fd(), batch) {
            Ok(_) => {}
            Err(error) if is_transient(&error) => return Ok(true),
            Err(error) => return Err(error),
        }
        // The end of the stream reads as empty messages without end; so does an empty message, once.
        match (0..batch.len()).find(|&i| batch.packet(i).is_empty()) {
            Some(empty) if self.is_closed() => {
                batch.truncate(empty);
                Ok(false)
            }
            _ => Ok(true),
        }
    }

    /// Send packets, from the first on; returns how many went. `WouldBlock` when none does now.
    pub fn send(&self, packets: &[&[u8]]) -> io::Result<usize> {
        mmsg::send(self.as_fd(), packets)
    }

    /// Whether the peer has closed its end.
    pub fn is_closed(&self) -> bool {
        let mut fds = [PollFd::new(&self.0, PollFlags::RDHUP)];
        let gone = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR;
        poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok() && fds[0].revents().intersects(gone)
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
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
