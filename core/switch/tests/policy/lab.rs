//! A switch without sockets or clocks, and frames.

use std::time::Duration;
use switch::wire::{Mac, VNET_HEADER};
use switch::{Counters, DropReason, Outputs, Policy, PortConfig, PortId, Switch, SwitchConfig};

pub struct Lab {
    pub switch: Switch,
    pub now: Duration,
    pub out: Outputs,
}

impl Lab {
    /// A switch with one port for each policy, numbered from 0 on, all with carrier.
    pub fn new(policies: impl IntoIterator<Item = Policy>) -> Lab {
        let mut switch = Switch::new(SwitchConfig::default());
        for policy in policies {
            let id = switch.add_port(PortConfig { policy, ..PortConfig::default() }).unwrap();
            switch.set_carrier(id, true);
        }
        Lab { switch, now: Duration::ZERO, out: Outputs::default() }
    }

    /// Send a frame; returns what leaves by which port, in the order of ports.
    pub fn send(&mut self, port: u16, frame: &[u8]) -> Vec<(u16, Vec<u8>)> {
        let mut packet = vec![0; VNET_HEADER];
        packet.extend(frame);
        self.send_packet(port, packet)
            .into_iter()
            .map(|(port, packet)| (port, packet[VNET_HEADER..].to_vec()))
            .collect()
    }

    /// The same with virtio-net headers.
    pub fn send_packet(&mut self, port: u16, mut packet: Vec<u8>) -> Vec<(u16, Vec<u8>)> {
        let _ = self.switch.receive(PortId(port), &mut packet, self.now, &mut self.out);
        let mut sent: Vec<_> = self.out.iter().map(|(id, edit)| (id.0, edited(edit, &packet))).collect();
        sent.sort();
        assert!(sent.windows(2).all(|two| two[0].0 != two[1].0), "a port gets a frame once");
        sent
    }

    /// Send a frame; returns the ports that it leaves by.
    pub fn ports(&mut self, port: u16, frame: &[u8]) -> Vec<u16> {
        self.send(port, frame).into_iter().map(|(port, _)| port).collect()
    }

    pub fn counters(&self, port: u16) -> Counters {
        self.switch.port(PortId(port)).unwrap().counters
    }

    pub fn drops(&self, port: u16, reason: DropReason) -> u64 {
        self.counters(port).drops.get(reason)
    }
}

fn edited(edit: switch::wire::Edit, packet: &[u8]) -> Vec<u8> {
    let mut copy = Vec::new();
    edit.copy(packet, &mut copy);
    copy
}

pub const ALL: u8 = 0xff;

/// The unicast address of host `number`, or the broadcast address.
pub fn mac(number: u8) -> Mac {
    if number == ALL {
        return Mac::BROADCAST;
    }
    Mac([2, 0, 0, 0, 0, number])
}

/// A frame with these tags (EtherType and control information of each), the outer one first.
pub fn tagged(to: Mac, from: u8, tags: &[(u16, u16)], payload: &[u8]) -> Vec<u8> {
    let mut frame = to.0.to_vec();
    frame.extend(mac(from).0);
    for (ethertype, tci) in tags {
        frame.extend(ethertype.to_be_bytes());
        frame.extend(tci.to_be_bytes());
    }
    frame.extend([0x88, 0xb5]);
    frame.extend(payload);
    frame
}

/// A frame without tags.
pub fn frame(to: u8, from: u8) -> Vec<u8> {
    tagged(mac(to), from, &[], b"payload")
}
