//! Ports that are not switched: two that are wired to each other, and those that see what others do.

use crate::drops::DropReason;
use crate::offload;
use crate::outputs::Outputs;
use crate::port::{Mirror, PortId, Role};
use crate::switch::Switch;
use crate::wire::{Edit, Ethernet, Mac, ETHERNET_HEADER, VNET_HEADER};

impl Switch {
    /// Say which pairs of ports are wired, instead of those that were: whatever comes in at one leaves by the other, whatever
    /// its addresses, its tag and the ports' states are, and nothing else does. A port is in one pair at most.
    pub fn set_wires(&mut self, pairs: &[(PortId, PortId)]) {
        let other = |id| {
            let found = pairs.iter().find(|&&(a, b)| id == a || id == b);
            found.map(|&(a, b)| if id == a { b } else { a })
        };
        self.set_roles(|id, was| match other(id) {
            Some(other) => Role::Wire(other),
            None if matches!(was, Role::Wire(_) | Role::Unplugged) => Role::Switched,
            None => was,
        });
    }

    /// Say which ports are mirrored, instead of those that were. A port that mirrors go to is for nothing else: what
    /// comes in there is dropped.
    pub fn set_mirrors(&mut self, mirrors: &[(PortId, Mirror)]) {
        for (slot, port) in self.ports.iter_mut().enumerate() {
            let own = mirrors.iter().find(|(id, _)| usize::from(id.0) == slot);
            if let Some(port) = port {
                port.mirror = own.map(|&(_, mirror)| mirror);
            }
        }
        self.set_roles(|id, was| match (was, mirrors.iter().any(|(_, mirror)| mirror.to == id)) {
            (Role::Wire(_) | Role::Unplugged, _) => was,
            (_, true) => Role::Mirror,
            (_, false) => Role::Switched,
        });
    }

    fn set_roles(&mut self, role: impl Fn(PortId, Role) -> Role) {
        for slot in 0..self.ports.len() {
            let (Some(port), id) = (&mut self.ports[slot], PortId(slot as u16)) else { continue };
            let was = port.role;
            port.role = role(id, was);
            if was != port.role {
                self.forget_learned(id);
            }
        }
    }

    /// The port `gone` is no more: nothing is mirrored there, and what was wired to it is not let into the switch for that.
    pub(crate) fn forget_role(&mut self, gone: PortId) {
        for port in self.ports.iter_mut().flatten() {
            if port.role == Role::Wire(gone) {
                port.role = Role::Unplugged;
            }
            port.mirror = port.mirror.filter(|mirror| mirror.to != gone);
        }
    }

    /// A packet came in at `from`, which is wired to `to`.
    pub(crate) fn pass(
        &mut self,
        from: PortId,
        to: PortId,
        packet: &mut [u8],
        out: &mut Outputs,
    ) -> Result<(), DropReason> {
        let frame = packet.get(VNET_HEADER..).filter(|frame| frame.len() >= ETHERNET_HEADER);
        let frame = frame.ok_or(DropReason::TooShort)?;
        // A header that is cut off within its tags has no payload, for which an offload could be asked.
        let none = Mac([0; 6]);
        let cut = Ethernet { destination: none, source: none, ethertype: 0, payload: frame.len() };
        let ethernet = Ethernet::read(frame).unwrap_or(cut);
        out.needs = offload::check(packet, &ethernet)?;
        if let Some(mirror) = self.port(from).and_then(|port| port.mirror).filter(|mirror| mirror.ingress) {
            out.mirrors.push((mirror.to, false));
        }
        self.transmit(to, out);
        Ok(())
    }

    /// Have `id` send a packet as it is, whatever its state and policy are; `out` says what else sees it. Of `out` only what
    /// the packet needs is looked at, and kept.
    fn transmit(&mut self, id: PortId, out: &mut Outputs) {
        let Some(port) = self.port_mut(id) else { return };
        if !port.carrier {
            port.counters.drops.add(DropReason::NoCarrier, 1);
            return;
        }
        out.push(id, Edit::Keep);
        if let Some(mirror) = port.mirror.filter(|mirror| mirror.egress) {
            out.mirrors.push((mirror.to, false));
        }
    }

    /// The control plane has a complete frame for the peer of `id`: say where it goes. State and policy of the port are not
    /// asked: BPDUs leave by ports that discard.
    pub fn send_from_above(&mut self, id: PortId, out: &mut Outputs) {
        out.clear();
        self.transmit(id, out);
        self.add_mirrors(out);
    }

    /// The mirrors get what they are to see, once.
    pub(crate) fn add_mirrors(&mut self, out: &mut Outputs) {
        while let Some((to, edited)) = out.mirrors.pop() {
            let seen = out.ports.contains(&to) || out.edited.contains(&to);
            match self.port_mut(to) {
                Some(port) if port.carrier && !seen => out.push(to, if edited { out.edit } else { Edit::Keep }),
                Some(port) if !seen => port.counters.drops.add(DropReason::NoCarrier, 1),
                _ => {}
            }
        }
    }
}
