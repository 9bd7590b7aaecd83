//! What comes out of the switch goes to the ports' lists, finished where a sink needs that.

use super::captures::Captures;
use super::impaired::Scratch;
use super::link::Admission;
use super::outbox::Packet;
use super::worker::PortIo;
use crate::capture::Direction;
use crate::offload;
use crate::port::{Capabilities, PortId};
use crate::switch::Switch;
use crate::wire::VNET_HEADER;
use std::ops::Range;
use std::time::Instant;

/// Where a packet lies that is to be delivered.
#[derive(Clone, Copy)]
pub(super) enum Place {
    /// In this buffer of the batch, until the end of the turn.
    Slot(usize),
    /// Where it does not stay.
    Passing,
}

/// The parts of the worker that a delivery needs.
pub(super) struct Delivery<'a> {
    pub(super) switch: &'a mut Switch,
    pub(super) ports: &'a mut [Option<PortIo>],
    /// What a sink must be able to take to get the packet as it is.
    pub(super) needs: Capabilities,
    pub(super) arena: &'a mut Vec<u8>,
    pub(super) made: &'a mut Vec<Range<usize>>,
    pub(super) touched: &'a mut Vec<PortId>,
    pub(super) captures: &'a mut Captures,
    pub(super) scratch: &'a mut Scratch,
    /// When the worker began: its clock is asked for impaired ports alone.
    pub(super) origin: &'a Instant,
}

impl Delivery<'_> {
    /// Note `packet`, which lies at `place`, for each of the ports `to`.
    pub(super) fn deliver(&mut self, to: &[PortId], packet: &[u8], place: Place) {
        let mut finished_for: Option<Capabilities> = None;
        let mut kept: Option<Packet> = None;
        for &id in to {
            let Some(Some(port)) = self.ports.get_mut(usize::from(id.0)) else { continue };
            if port.impaired.takes(Direction::Out) {
                let lost = |reason| self.switch.dropped(id, reason, 1);
                port.impaired.push(Direction::Out, packet, self.scratch, self.origin.elapsed(), lost);
                continue;
            }
            let sink = port.link.capabilities();
            let mut first = false;
            if sink.contains(self.needs) {
                let whole = kept.get_or_insert_with(|| keep(packet, place, self.arena));
                first = offer(self.switch, self.captures, id, port, whole.clone(), packet);
            } else {
                if finished_for != Some(sink) {
                    self.made.clear();
                    offload::complete(packet, sink, self.arena, |range| self.made.push(range));
                    finished_for = Some(sink);
                }
                for range in &*self.made {
                    let bytes = &self.arena[range.clone()];
                    first |= offer(self.switch, self.captures, id, port, Packet::Arena(range.clone()), bytes);
                }
            }
            if first {
                self.touched.push(id);
            }
        }
    }
}

/// The packet where it is until the end of the turn.
fn keep(packet: &[u8], place: Place, arena: &mut Vec<u8>) -> Packet {
    match place {
        Place::Slot(index) => Packet::Slot(index),
        Place::Passing => {
            let start = arena.len();
            arena.extend_from_slice(packet);
            Packet::Arena(start..arena.len())
        }
    }
}

/// Do with a packet, whose bytes are `bytes`, what its link says; returns whether it is the first that the port has in
/// this turn.
pub(super) fn offer(
    switch: &mut Switch,
    captures: &mut Captures,
    id: PortId,
    port: &mut PortIo,
    packet: Packet,
    bytes: &[u8],
) -> bool {
    let admission = port.link.admit(bytes);
    if let Admission::Drop(reason) = admission {
        switch.dropped(id, reason, 1);
        return false;
    }
    captures.record(id, Direction::Out, bytes);
    if admission == Admission::Send {
        return port.outbox.add(packet);
    }
    switch.sent(id, 1, bytes.len().saturating_sub(VNET_HEADER) as u64);
    false
}
