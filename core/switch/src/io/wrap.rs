//! What stands between links and the switch on demand: impairments and captures.
//!
//! Both are at the end of the port's cable where the peer is: a capture shows what the peer sent and what it got, and an
//! impairment harms it in between.

use super::batch::BATCH;
use super::deliver::offer;
use super::outbox::Packet;
use super::worker::{PortIo, Worker};
use crate::capture::{Direction, Tap};
use crate::drops::DropReason;
use crate::netem::{Config, ConfigError, Tally};
use crate::offload;
use crate::port::PortId;
use crate::wire::{Ethernet, MAX_PACKET, VNET_HEADER};
use std::time::Duration;

/// What there is to say of an impairment.
#[derive(Clone, Debug)]
pub struct ImpairmentReport {
    /// Name of the port.
    pub port: String,
    /// Direction.
    pub direction: Direction,
    /// The settings.
    pub config: Config,
    /// What was done so far.
    pub tally: Tally,
    /// Packets that are under way.
    pub waiting: usize,
}

impl Worker {
    /// Impair a direction of a port, and of those that its listener made, from now on, or no longer. What is under way arrives as it would have.
    pub fn impair(&mut self, id: PortId, direction: Direction, config: Option<Config>) -> Result<(), ConfigError> {
        for id in self.children(id).into_iter().chain([id]) {
            if let Some(port) = self.io(id) {
                port.impaired.set(direction, config)?;
            }
        }
        Ok(())
    }

    /// All impairments, in the order of the ports.
    pub fn impairments(&self) -> Vec<ImpairmentReport> {
        let report = |name: &str, port: &PortIo, direction| {
            let impairment = port.impaired.get(direction)?;
            Some(ImpairmentReport {
                port: name.to_owned(),
                direction,
                config: *impairment.config(),
                tally: *impairment.tally(),
                waiting: impairment.waiting(),
            })
        };
        let ports = self.switch.iter().filter_map(|(id, port)| {
            let io = self.ports.get(usize::from(id.0))?.as_ref()?;
            Some([Direction::In, Direction::Out].map(|direction| report(&port.name, io, direction)))
        });
        ports.flatten().flatten().collect()
    }

    /// Begin a capture. Returns its number.
    pub fn start_capture(&mut self, tap: Tap) -> u64 {
        let ports = self.ports.iter().enumerate().filter_map(|(slot, port)| {
            let port = port.as_ref()?;
            let parent = port.parent.and_then(|parent| self.ports.get(usize::from(parent.0))?.as_ref());
            let id = PortId(slot as u16);
            Some((id, self.switch.port(id)?.name.as_str(), parent.map(|parent| parent.config.name.as_str())))
        });
        self.captures.add(tap, ports)
    }

    /// End a capture; its last blocks are in its ring.
    pub fn stop_capture(&mut self, number: u64) -> Option<Tap> {
        self.captures.remove(number)
    }

    /// All captures, by number.
    pub fn captures(&self) -> impl Iterator<Item = (u64, &Tap)> {
        self.captures.iter()
    }

    /// Give packet `index` of the batch to the impairment of what comes in at `id`. Returns `false` if there is none, or
    /// if the switch is to say what is wrong with the packet.
    pub(super) fn hold(&mut self, id: PortId, index: usize, now: Duration) -> bool {
        let Some(Some(port)) = self.ports.get_mut(usize::from(id.0)) else { return false };
        if !port.impaired.takes(Direction::In) {
            return false;
        }
        let packet = self.batch.packet_mut(index);
        let Some(ethernet) = packet.get(VNET_HEADER..).and_then(Ethernet::read) else { return false };
        if packet.len() > MAX_PACKET || offload::check(packet, &ethernet).is_err() {
            return false;
        }
        let lost = |reason: DropReason| self.switch.dropped(id, reason, 1);
        port.impaired.push(Direction::In, packet, &mut self.scratch, now, lost);
        true
    }

    /// Let packets go on that are due: at most a batch of each direction of each port, so that no port starves another.
    pub(super) fn release(&mut self, now: Duration) {
        for direction in [Direction::In, Direction::Out] {
            for slot in 0..self.ports.len() {
                let due = self.ports[slot].as_ref().and_then(|port| port.impaired.next_due());
                if due.is_none_or(|due| due > now) {
                    continue;
                }
                match direction {
                    Direction::In => self.release_incoming(PortId(slot as u16), now),
                    Direction::Out => self.release_outgoing(PortId(slot as u16), now),
                }
            }
        }
    }

    fn release_incoming(&mut self, id: PortId, now: Duration) {
        let Some(Some(port)) = self.ports.get_mut(usize::from(id.0)) else { return };
        let mut lengths = [0; BATCH];
        let mut count = 0;
        for (length, slot) in lengths.iter_mut().zip(self.batch.slots()) {
            let mut at = 0;
            let popped = port.impaired.pop(Direction::In, now, |piece| {
                slot[at..at + piece.len()].copy_from_slice(piece);
                at += piece.len();
            });
            let Some(popped) = popped else { break };
            *length = popped;
            count += 1;
        }
        self.batch.fill(&lengths[..count]);
        for index in 0..count {
            self.forward(id, index, now);
        }
        self.flush();
    }

    fn release_outgoing(&mut self, id: PortId, now: Duration) {
        let Some(Some(port)) = self.ports.get_mut(usize::from(id.0)) else { return };
        let mut first = false;
        for _ in 0..BATCH {
            let start = self.arena.len();
            let arena = &mut self.arena;
            let popped = port.impaired.pop(Direction::Out, now, |piece| arena.extend_from_slice(piece));
            let Some(length) = popped else { break };
            let range = start..start + length;
            let bytes = &self.arena[range.clone()];
            first |= offer(&mut self.switch, &mut self.captures, id, port, Packet::Arena(range), bytes);
        }
        if first {
            self.touched.push(id);
        }
        self.flush();
    }
}
