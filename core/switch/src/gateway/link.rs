//! The switch's end of the gateway: filters, punts, and passes the rest on.

use super::filter::{Filter, Verdict};
use crate::drops::DropReason;
use crate::io::{Admission, Batch, Descriptors, Link, PacketSocket, Punt, PuntQueue};
use crate::port::Capabilities;
use crate::wire::VNET_HEADER;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

/// A port whose peer is the gateway's thread.
pub struct GatewayLink {
    name: String,
    peer: Option<PacketSocket>,
    filter: Filter,
    punts: Arc<PuntQueue>,
}

impl GatewayLink {
    pub(super) fn new(name: String, peer: PacketSocket, filter: Filter, punts: Arc<PuntQueue>) -> GatewayLink {
        GatewayLink { name, peer: Some(peer), filter, punts }
    }
}

impl Link for GatewayLink {
    fn kind(&self) -> &'static str {
        "gateway"
    }

    fn descriptors(&self) -> Descriptors<'_> {
        Descriptors { listener: None, peer: self.peer.as_ref().map(AsFd::as_fd) }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::NONE
    }

    fn admit(&mut self, packet: &[u8]) -> Admission {
        let Some(frame) = packet.get(VNET_HEADER..) else { return Admission::Drop(DropReason::TooShort) };
        match self.filter.classify(frame) {
            Verdict::Nat => Admission::Send,
            Verdict::Drop => Admission::Drop(DropReason::GatewayFilter),
            Verdict::Punt(reason) => {
                if self.punts.push(Punt { port: self.name.clone(), reason, frame: frame.to_vec() }) {
                    Admission::Taken
                } else {
                    Admission::Drop(DropReason::PuntFull)
                }
            }
        }
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
