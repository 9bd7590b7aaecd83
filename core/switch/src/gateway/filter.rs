//! What of the frames that reach the gateway's port is for libslirp, what is for the control plane, and what for neither.

use super::config::GatewayConfig;
use crate::wire::ip::{Layers, ETHERTYPE_ARP, ETHERTYPE_IPV4, UDP};
use crate::wire::{be32, Ethernet, ETHERNET_HEADER};
use std::net::Ipv4Addr;

const DHCP_SERVER: u16 = 67;
const DNS: u16 = 53;

/// Where a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// To libslirp.
    Nat,
    /// To the control plane, as what.
    Punt(&'static str),
    /// Nowhere: frames between guests that were flooded, protocols that there are none for.
    Drop,
}

/// The gateway's addresses, against which frames are classified.
#[derive(Clone, Copy, Debug)]
pub struct Filter(pub GatewayConfig);

impl Filter {
    /// Classify a complete frame.
    ///
    /// libslirp itself looks at no destination MAC address: it would answer for other guests, and would connect to hosts
    /// of the real network that have an address of this one.
    pub fn classify(&self, frame: &[u8]) -> Verdict {
        let Some(ethernet) = Ethernet::read(frame).filter(|e| e.payload == ETHERNET_HEADER) else {
            return Verdict::Drop;
        };
        let config = &self.0;
        let own = [config.address, config.dns].map(GatewayConfig::mac_of).contains(&ethernet.destination);
        if !own && !ethernet.destination.is_multicast() {
            return Verdict::Drop;
        }
        match ethernet.ethertype {
            ETHERTYPE_ARP => Verdict::Nat,
            ETHERTYPE_IPV4 => self.classify_ipv4(frame, &ethernet, own),
            _ => Verdict::Drop,
        }
    }

    fn classify_ipv4(&self, frame: &[u8], ethernet: &Ethernet, own: bool) -> Verdict {
        let Some(destination) = be32(frame, ethernet.payload + 16).map(Ipv4Addr::from) else { return Verdict::Drop };
        let layers = Layers::find(frame, ethernet).filter(|layers| layers.protocol == UDP);
        match layers.and_then(|layers| layers.destination_port(frame)) {
            Some(DHCP_SERVER) if !own || destination == self.0.address => return Verdict::Punt("dhcp"),
            Some(DNS) if own && destination == self.0.dns => return Verdict::Punt("dns"),
            _ => {}
        }
        let elsewhere = !self.0.contains(destination) || destination == self.0.address || destination == self.0.dns;
        // libslirp connects to what is asked for, and for the host's kernel these are the host itself.
        let local = destination.is_loopback() || destination.octets()[0] == 0;
        if own && elsewhere && !local && !destination.is_broadcast() && !destination.is_multicast() {
            Verdict::Nat
        } else {
            Verdict::Drop
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CONFIG: GatewayConfig = GatewayConfig {
        network: Ipv4Addr::new(10, 0, 0, 0),
        prefix: 24,
        address: Ipv4Addr::new(10, 0, 0, 1),
        dns: Ipv4Addr::new(10, 0, 0, 2),
        mtu: 1500,
        host_loopback: true,
    };

    fn udp(destination_mac: [u8; 6], destination: [u8; 4], port: u16) -> Vec<u8> {
        let mut frame = destination_mac.to_vec();
        frame.extend([2, 0, 0, 0, 0, 9, 8, 0, 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 9]);
        frame.extend(destination);
        frame.extend([0x80, 0]);
        frame.extend(port.to_be_bytes());
        frame.extend([0, 8, 0, 0]);
        frame
    }

    const GATEWAY: [u8; 6] = [0x52, 0x55, 10, 0, 0, 1];
    const RESOLVER: [u8; 6] = [0x52, 0x55, 10, 0, 0, 2];

    #[test]
    fn services_are_punted_and_the_rest_of_the_world_is_reached() {
        let table = [
            (udp([0xff; 6], [255; 4], 67), Verdict::Punt("dhcp")),
            (udp(GATEWAY, [10, 0, 0, 1], 67), Verdict::Punt("dhcp")),
            (udp(RESOLVER, [10, 0, 0, 2], 53), Verdict::Punt("dns")),
            (udp(GATEWAY, [9, 9, 9, 9], 53), Verdict::Nat),
            (udp(GATEWAY, [9, 9, 9, 9], 67), Verdict::Nat),
            (udp(GATEWAY, [10, 0, 0, 1], 1234), Verdict::Nat),
            (udp(GATEWAY, [10, 0, 0, 7], 1234), Verdict::Drop),
            (udp(GATEWAY, [255; 4], 1234), Verdict::Drop),
            (udp(GATEWAY, [127, 0, 0, 1], 1234), Verdict::Drop),
            (udp(GATEWAY, [0; 4], 1234), Verdict::Drop),
            (udp([0xff; 6], [255; 4], 1234), Verdict::Drop),
            (udp([2, 0, 0, 0, 0, 7], [9, 9, 9, 9], 80), Verdict::Drop),
        ];
        for (frame, verdict) in table {
            assert_eq!(Filter(CONFIG).classify(&frame), verdict, "{frame:x?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_classified(frame in proptest::collection::vec(any::<u8>(), 0..80)) {
            Filter(CONFIG).classify(&frame);
        }
    }
}
