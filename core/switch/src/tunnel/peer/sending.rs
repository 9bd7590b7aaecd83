//! Packets and small messages of a peer, sealed.

use super::Peer;
use crate::tunnel::counters::TunnelDrop;
use crate::tunnel::fragment::{self, FragmentHeader, FRAGMENT_OVERHEAD};
use crate::tunnel::inner;
use crate::tunnel::message::OVERHEAD;
use crate::tunnel::mtu::SMALLEST;
use crate::tunnel::output::Output;
use crate::wire::MAX_PACKET;
use std::time::Duration;

impl Peer {
    /// Put a packet on its way, in fragments where one datagram is too short.
    pub(in crate::tunnel) fn send(&mut self, packet: &[u8], now: Duration, out: &mut Output) -> Result<(), TunnelDrop> {
        if !inner::is_packet(packet.len()) {
            return Err(TunnelDrop::TooLong);
        }
        let session = self.ready().filter(|_| self.why.is_none()).ok_or(TunnelDrop::NoSession)?;
        let room = self.mtu.get() - OVERHEAD;
        if packet.len() < room {
            return self.seal(session, [&[inner::FRAME], packet], 0, false, now, out);
        }
        let total = packet.len().min(MAX_PACKET);
        let count = fragment::count(total, room - FRAGMENT_OVERHEAD).ok_or(TunnelDrop::TooLong)?;
        let id = self.next_fragmented;
        self.next_fragmented = id.wrapping_add(1);
        for index in 0..count {
            let header = FragmentHeader { id, total, count, index };
            self.seal(session, [&header.write(), &packet[header.range()]], 0, false, now, out)?;
        }
        Ok(())
    }

    pub(super) fn seal(
        &mut self,
        session: usize,
        parts: [&[u8]; 2],
        padding: usize,
        alone: bool,
        now: Duration,
        out: &mut Output,
    ) -> Result<(), TunnelDrop> {
        let to = self.endpoint.ok_or(TunnelDrop::NoSession)?;
        let sealed = self.sessions[session].seal(out, to, parts, padding, alone).ok_or(TunnelDrop::NoSession)?;
        self.tx = (self.tx.0 + 1, self.tx.1 + sealed as u64);
        // Longer ones may be lost for their length, and only that: they do not stand for a keepalive.
        if sealed <= SMALLEST {
            self.last_sent = now;
        }
        Ok(())
    }

    /// Send a small message that need not be waited for.
    pub(super) fn say(&mut self, session: usize, kind: u8, body: &[u8], now: Duration, out: &mut Output) {
        let _ = self.seal(session, [&[kind], body], 0, true, now, out);
    }
}
