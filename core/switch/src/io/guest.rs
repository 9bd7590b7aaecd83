//! A guest's port: a listening SEQPACKET socket that outlives whoever connects to it.
//!
//! The peer sends and receives one packet in each message. Until it says otherwise it gets complete frames only; it says
//! so with a *hello*, which it may repeat when its driver negotiates anew:
//!
//! | offset | length | field |
//! |---|---|---|
//! | 0 | 4 | `VETH` |
//! | 4 | 4 | what it takes unfinished, little-endian: 1 checksums, 2 TCPv4, 4 TCPv6 segments, 8 ECN (`TUN_F_*` bits) |

use super::batch::Batch;
use super::link::{Descriptors, Link};
use super::listener::Listener;
use super::seat::Seat;
use super::socket::PacketSocket;
use crate::port::Capabilities;
use rustix::net::SocketType;
use std::io;
use std::path::Path;

const MAGIC: [u8; 4] = *b"VETH";
const HELLO: usize = 8;

/// The hello that announces `capabilities`.
pub fn hello(capabilities: Capabilities) -> [u8; HELLO] {
    let mut message = [0; HELLO];
    message[..4].copy_from_slice(&MAGIC);
    message[4..].copy_from_slice(&capabilities.bits().to_le_bytes());
    message
}

fn read_hello(message: &[u8]) -> Option<Capabilities> {
    let message: &[u8; HELLO] = message.try_into().ok()?;
    let bits = u32::from_le_bytes([message[4], message[5], message[6], message[7]]);
    message.starts_with(&MAGIC).then_some(Capabilities::from_bits(bits))
}

/// A guest, and what it takes unfinished.
pub struct GuestLink {
    seat: Seat<PacketSocket>,
    capabilities: Capabilities,
}

impl GuestLink {
    /// Listen at `path`, mode 0600. A socket that is there is replaced: the caller owns the folder.
    pub fn listen(path: &Path) -> io::Result<GuestLink> {
        let seat = Seat::new(Listener::unix(path, SocketType::SEQPACKET)?);
        Ok(GuestLink { seat, capabilities: Capabilities::NONE })
    }
}

impl Link for GuestLink {
    fn kind(&self) -> &'static str {
        "guest"
    }

    fn descriptors(&self) -> Descriptors<'_> {
        self.seat.descriptors()
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn accept(&mut self) -> io::Result<()> {
        if self.seat.accept(PacketSocket::new)? {
            self.capabilities = Capabilities::NONE;
        }
        Ok(())
    }

    fn receive(&mut self, batch: &mut Batch) -> io::Result<bool> {
        let Some(peer) = &self.seat.peer else { return Ok(false) };
        let alive = peer.receive(batch)?;
        for i in 0..batch.len() {
            if let Some(capabilities) = read_hello(batch.packet(i)) {
                self.capabilities = capabilities;
                batch.consume(i);
            }
        }
        Ok(alive)
    }

    fn send(&mut self, packets: &[&[u8]]) -> io::Result<usize> {
        self.seat.connected()?.send(packets)
    }

    fn hang_up(&mut self) {
        self.seat.peer = None;
        self.capabilities = Capabilities::NONE;
    }
}
