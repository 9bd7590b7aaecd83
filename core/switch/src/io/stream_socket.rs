//! A connected stream that carries frames, each behind its length.

use super::batch::{Batch, BATCH};
use super::framing::{BadLength, Deframer, PREFIX};
use super::socket::is_transient;
use crate::wire::VNET_HEADER;
use rustix::net::{recv, send, sendmsg, RecvFlags, SendAncillaryBuffer, SendFlags};
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

const NOW: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);

/// One end of a connection, a unix socket or TCP; blocking or not.
pub(super) struct StreamSocket {
    fd: OwnedFd,
    incoming: Deframer,
    /// What is left of a frame that the peer took a part of.
    cut: Vec<u8>,
    /// Connections whose frames had a length that no frame has.
    bad_lengths: u64,
}

impl StreamSocket {
    /// Take over a connected socket.
    pub(super) fn new(fd: OwnedFd) -> StreamSocket {
        StreamSocket { fd, incoming: Deframer::new(), cut: Vec::new(), bad_lengths: 0 }
    }

    /// Receive what is there, at most one batch. `Ok(false)` when the peer has closed, or means nothing by what it sends.
    pub(super) fn receive(&mut self, batch: &mut Batch) -> io::Result<bool> {
        if self.take_frames(batch).is_err() {
            return Ok(false);
        }
        if self.has_frames() {
            return Ok(true);
        }
        let (count, _) = match recv(&self.fd, self.incoming.room(), RecvFlags::DONTWAIT).map_err(io::Error::from) {
            Ok(received) => received,
            Err(error) if is_transient(&error) => return Ok(true),
            Err(error) => return Err(error),
        };
        self.incoming.filled(count);
        Ok(count > 0 && self.take_frames(batch).is_ok())
    }

    fn take_frames(&mut self, batch: &mut Batch) -> Result<(), BadLength> {
        while !batch.is_full() {
            match self.incoming.next() {
                Ok(Some(frame)) => batch.push(frame),
                Ok(None) => break,
                Err(bad) => {
                    self.bad_lengths += 1;
                    return Err(bad);
                }
            };
        }
        Ok(())
    }

    /// Whether there are frames that no batch had room for.
    pub(super) fn has_frames(&self) -> bool {
        self.incoming.has_next()
    }

    /// How many connections were closed for a bad length, since this was last asked.
    pub(super) fn take_bad_lengths(&mut self) -> u64 {
        std::mem::take(&mut self.bad_lengths)
    }

    /// Whether the rest of a frame waits for the peer.
    pub(super) fn has_unsent(&self) -> bool {
        !self.cut.is_empty()
    }

    /// Send packets without their virtio-net headers, from the first on; returns how many went. The last one of them may
    /// be on its way only in part: its rest goes first the next time.
    pub(super) fn send(&mut self, packets: &[&[u8]]) -> io::Result<usize> {
        while !self.cut.is_empty() {
            let sent = send(&self.fd, &self.cut, NOW)?;
            self.cut.drain(..sent);
        }
        if packets.is_empty() {
            return Ok(0);
        }
        let frame = |packet: &&[u8]| packet.len().saturating_sub(VNET_HEADER);
        let packets = &packets[..packets.len().min(BATCH)];
        let mut prefixes = [[0; PREFIX]; BATCH];
        for (prefix, packet) in prefixes.iter_mut().zip(packets) {
            *prefix = (frame(packet) as u32).to_be_bytes();
        }
        let mut slices = [IoSlice::new(&[]); 2 * BATCH];
        for ((pair, prefix), packet) in slices.chunks_exact_mut(2).zip(&prefixes).zip(packets) {
            pair[0] = IoSlice::new(prefix);
            pair[1] = IoSlice::new(packet.get(VNET_HEADER..).unwrap_or_default());
        }
        let slices = &slices[..2 * packets.len()];
        let mut sent = sendmsg(&self.fd, slices, &mut SendAncillaryBuffer::default(), NOW)?;
        for (count, packet) in packets.iter().enumerate() {
            let whole = PREFIX + frame(packet);
            if sent == 0 {
                return Ok(count);
            }
            if sent < whole {
                let skip = sent.min(PREFIX);
                self.cut.extend(&prefixes[count][skip..]);
                self.cut.extend(packet.get(VNET_HEADER + sent - skip..).unwrap_or_default());
                return Ok(count + 1);
            }
            sent -= whole;
        }
        Ok(packets.len())
    }
}

impl AsFd for StreamSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rustix::net::{socketpair, sockopt, AddressFamily, SocketFlags, SocketType};

    fn pair() -> (StreamSocket, StreamSocket) {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (a, b) = socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None).unwrap();
        // So little room that frames are cut all the time.
        sockopt::set_socket_send_buffer_size(&a, 1).unwrap();
        (StreamSocket::new(a), StreamSocket::new(b))
    }

    #[test]
    fn a_lying_length_ends_the_connection_and_is_counted() {
        let (a, mut b) = pair();
        send(&a.fd, &[0, 0, 0, 1, 7, 0xff, 0xff, 0xff, 0xff, 9], NOW).unwrap();
        let mut batch = Batch::new();
        assert!(!b.receive(&mut batch).unwrap());
        assert_eq!((batch.len(), batch.packet(0)[VNET_HEADER..].to_vec()), (1, vec![7]));
        assert_eq!((b.take_bad_lengths(), b.take_bad_lengths()), (1, 0));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn frames_survive_partial_writes(lengths in proptest::collection::vec(1usize..20_000, 1..100)) {
            let (mut a, mut b) = pair();
            let packets: Vec<Vec<u8>> = (0u8..).zip(&lengths).map(|(i, &length)| vec![i; VNET_HEADER + length]).collect();
            let views: Vec<&[u8]> = packets.iter().map(Vec::as_slice).collect();
            let (mut sent, mut got, mut batch) = (0, Vec::new(), Batch::new());
            while got.len() < packets.len() {
                if sent < packets.len() || a.has_unsent() {
                    match a.send(&views[sent..]) {
                        Ok(count) => sent += count,
                        Err(error) => prop_assert!(is_transient(&error)),
                    }
                }
                batch.truncate(0);
                prop_assert!(b.receive(&mut batch).unwrap());
                got.extend((0..batch.len()).map(|i| batch.packet(i)[VNET_HEADER..].to_vec()));
            }
            prop_assert!(got.iter().zip(&packets).all(|(got, packet)| got[..] == packet[VNET_HEADER..]));
            drop(a);
            prop_assert!(!b.receive(&mut batch).unwrap());
        }
    }
}
