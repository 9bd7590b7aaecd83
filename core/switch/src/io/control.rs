//! Frames of the control plane: what it feeds to the switch or sends by a port, and what it gets.

use super::punt::Punt;
use super::worker::Worker;
use crate::drops::DropReason;
use crate::port::PortId;
use crate::wire::{MAX_FRAME, VNET_HEADER};

impl Worker {
    /// Feed `frame` to the switch as though it had come in at `id`.
    pub fn inject(&mut self, id: PortId, frame: &[u8]) {
        if self.load(id, frame) {
            self.forward_batch(id);
        }
    }

    /// Send the complete `frame` to the peer of `id`, and to nobody else but mirrors. The port's state and policy are not
    /// asked.
    pub fn send(&mut self, id: PortId, frame: &[u8]) {
        if self.load(id, frame) {
            self.switch.send_from_above(id, &mut self.outputs);
            self.deliver(0);
            self.flush();
        }
    }

    /// Make `frame` the batch; whether it is short enough.
    fn load(&mut self, id: PortId, frame: &[u8]) -> bool {
        if frame.len() > MAX_FRAME {
            self.switch.dropped(id, DropReason::TooLong, 1);
            return false;
        }
        let length = VNET_HEADER + frame.len();
        let slot = &mut self.batch.slots()[0];
        slot[..VNET_HEADER].fill(0);
        slot[VNET_HEADER..length].copy_from_slice(frame);
        self.batch.fill(&[length]);
        true
    }

    /// Packet `index` of the batch, which came in at `id`, is for the control plane.
    pub(super) fn punt(&mut self, id: PortId, index: usize, reason: &'static str) {
        let Some(port) = self.switch.port(id) else { return };
        let Some(frame) = self.batch.packet(index).get(VNET_HEADER..) else { return };
        let punt = Punt { port: port.name.clone(), reason, frame: frame.to_vec() };
        if !self.punts.push(punt) {
            self.switch.dropped(id, DropReason::PuntFull, 1);
        }
    }
}
