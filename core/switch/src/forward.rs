//! The way of a packet through the switch: checked, classified, learned from, looked up or flooded.

use crate::bucket::Bucket;
use crate::drops::DropReason;
use crate::fdb::Learned;
use crate::offload;
use crate::outputs::Outputs;
use crate::policy::{Multicast, Reserved};
use crate::port::{Capabilities, Port, PortId, PortState, Role};
use crate::snoop::Reach;
use crate::switch::Switch;
use crate::transit::Transit;
use crate::vlan::VlanMode;
use crate::wire::{Ethernet, Mac, Tci, MAX_PACKET, VNET_HEADER};
use std::time::Duration;

impl Switch {
    /// A packet came in at `id`: say where it goes. `packet` is checked here, and its header is rewritten so that it
    /// holds nothing but what was checked. What is dropped is counted, and returned; a mirror may see it all the same.
    pub fn receive(
        &mut self,
        id: PortId,
        packet: &mut [u8],
        now: Duration,
        out: &mut Outputs,
    ) -> Result<(), DropReason> {
        out.clear();
        let length = packet.len().saturating_sub(VNET_HEADER);
        let Some(port) = self.port_mut(id) else { return Ok(()) };
        port.counters.rx_frames += 1;
        port.counters.rx_bytes += length as u64;
        let result = match port.role {
            _ if packet.len() > MAX_PACKET => Err(DropReason::TooLong),
            Role::Wire(other) => self.pass(id, other, packet, out),
            Role::Unplugged => Err(DropReason::NoCarrier),
            _ => self.admit(id, packet, now, out),
        };
        if let (Err(reason), Some(port)) = (result, self.port_mut(id)) {
            port.counters.drops.add(reason, 1);
        }
        self.add_mirrors(out);
        result
    }

    fn admit(&mut self, id: PortId, packet: &mut [u8], now: Duration, out: &mut Outputs) -> Result<(), DropReason> {
        let frame = packet.get(VNET_HEADER..).ok_or(DropReason::TooShort)?;
        let ethernet = Ethernet::read(frame).ok_or(DropReason::TooShort)?;
        let (tag, hides_another) = (Tci::read(frame), Tci::hides_another(frame));
        if !ethernet.source.is_valid_source() {
            return Err(DropReason::BadSource);
        }
        out.needs = offload::check(packet, &ethernet)?;
        let Some(port) = self.port_mut(id) else { return Ok(()) };
        if let Some(mirror) = port.mirror.filter(|mirror| mirror.ingress) {
            out.mirrors.push((mirror.to, false));
        }
        if port.role == Role::Mirror {
            return Err(DropReason::MirrorPort);
        }
        let is_reserved = ethernet.destination.is_reserved();
        if is_reserved && port.policy.reserved != Reserved::Forward {
            return keep_from_others(port, now, out);
        }
        if port.policy.probes && ethernet.destination == Mac::LOOP_PROBE && take(&mut port.buckets.punt, 1, now) {
            out.punt = Some("probe");
        }
        if port.state == PortState::Discarding {
            return Err(DropReason::IngressState);
        }
        let vlan = port.policy.vlan.classify(tag)?;
        if hides_another && port.policy.vlan != VlanMode::Transparent {
            // Where the priority tag is taken off, the frame would be in the VLAN of a tag that nobody has checked.
            return Err(DropReason::VlanIngress);
        }
        let length = packet.len();
        if !take(&mut port.buckets.ingress, (length - VNET_HEADER) as u64, now) {
            return Err(DropReason::RateIngress);
        }
        let (state, limit) = (port.state, port.policy.mac_limit);
        let transit = Transit::new(id, port, vlan, tag.is_some(), length, is_reserved);
        if let Some(tci) = tag.filter(|tci| tci.vid() != vlan) {
            // A priority tag: it becomes the tag of the port's VLAN.
            tci.with_vid(vlan).write(packet);
        }
        if self.fdb.learn(vlan, ethernet.source, id, limit, now) == Learned::OverLimit {
            return Err(DropReason::MacLimit);
        }
        if state != PortState::Forwarding {
            return Err(DropReason::IngressState);
        }
        if ethernet.destination.is_multicast() {
            return self.flood_group(&transit, packet, &ethernet, now, out);
        }
        match self.fdb.lookup(vlan, ethernet.destination, now) {
            Some(to) => self.forward(&transit, to, now, out),
            None => self.flood(&transit, ethernet.destination, None, now, out),
        }
    }

    /// A multicast frame goes to all, or to who wants it, as far as that is known.
    fn flood_group(
        &mut self,
        transit: &Transit,
        packet: &[u8],
        ethernet: &Ethernet,
        now: Duration,
        out: &mut Outputs,
    ) -> Result<(), DropReason> {
        let to = ethernet.destination;
        let Some(mut snooping) = self.snooping.take() else { return self.flood(transit, to, None, now, out) };
        let multicast = self.port(transit.from).map_or(Multicast::default(), |port| port.policy.multicast);
        let is_finished = !out.needs.contains(Capabilities::CSUM);
        let seen = (&packet[VNET_HEADER..], ethernet, is_finished);
        let reach = match snooping.observe((transit.vlan, transit.from), multicast, seen, now) {
            Some(family) => snooping.reach_of_reports(transit.vlan, family, now),
            None => snooping.reach(transit.vlan, to, now),
        };
        let result = self.flood(transit, to, reach, now, out);
        self.snooping = Some(snooping);
        result
    }

    fn forward(&mut self, transit: &Transit, to: PortId, now: Duration, out: &mut Outputs) -> Result<(), DropReason> {
        if to == transit.from {
            return Err(DropReason::SamePort);
        }
        let Some(port) = self.port_mut(to) else { return Ok(()) };
        transit.may_meet(port)?;
        match transit.may_leave(port) {
            Ok(()) => emit(transit, to, port, now, out),
            Err(reason) => port.counters.drops.add(reason, 1),
        }
        Ok(())
    }

    fn flood(
        &mut self,
        transit: &Transit,
        to: Mac,
        reach: Option<Reach<'_>>,
        now: Duration,
        out: &mut Outputs,
    ) -> Result<(), DropReason> {
        let Some(ingress) = self.port_mut(transit.from) else { return Ok(()) };
        let (bucket, reason) = match to {
            Mac::BROADCAST => (&mut ingress.buckets.broadcast, DropReason::StormBroadcast),
            to if to.is_multicast() => (&mut ingress.buckets.multicast, DropReason::StormMulticast),
            _ => (&mut ingress.buckets.unknown, DropReason::StormUnknown),
        };
        if !take(bucket, 1, now) {
            return Err(reason);
        }
        ingress.counters.flooded += 1;
        for (slot, port) in self.ports.iter_mut().enumerate() {
            let Some(port) = port else { continue };
            let id = PortId(slot as u16);
            let is_for = id != transit.from && reach.as_ref().is_none_or(|reach| reach.includes(id, port));
            if is_for && transit.may_leave(port).is_ok() && transit.may_meet(port).is_ok() {
                emit(transit, id, port, now, out);
            }
        }
        Ok(())
    }
}

/// A frame to a reserved group, which `port` does not forward.
fn keep_from_others(port: &mut Port, now: Duration, out: &mut Outputs) -> Result<(), DropReason> {
    if port.policy.reserved == Reserved::Drop {
        return Err(DropReason::Reserved);
    }
    if !take(&mut port.buckets.punt, 1, now) {
        return Err(DropReason::PuntRate);
    }
    out.punt = Some("reserved");
    Ok(())
}

/// `port` gets the packet, in the form that is right there.
fn emit(transit: &Transit, id: PortId, port: &mut Port, now: Duration, out: &mut Outputs) {
    let edit = transit.edit(port);
    if !edit.fits(transit.length) {
        port.counters.drops.add(DropReason::TooLong, 1);
    } else if !take(&mut port.buckets.egress, (transit.length - VNET_HEADER) as u64, now) {
        port.counters.drops.add(DropReason::RateEgress, 1);
    } else {
        out.push(id, edit);
        if let Some(mirror) = port.mirror.filter(|mirror| mirror.egress) {
            out.mirrors.push((mirror.to, edit != Default::default()));
        }
    }
}

fn take(bucket: &mut Option<Bucket>, amount: u64, now: Duration) -> bool {
    bucket.as_mut().is_none_or(|bucket| bucket.take(amount, now))
}
