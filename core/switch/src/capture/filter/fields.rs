//! What a filter may ask of a frame. Lenient: fragments and packets that were cut have what they have.

use crate::wire::ip::{ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6, TCP, UDP};
use crate::wire::{be16, Ethernet, ETHERNET_HEADER};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Extension headers of IPv6 with the common length field, and the fragment header (RFC 8200, section 4).
const EXTENSIONS: [u8; 4] = [0, 43, 44, 60];
const FRAGMENT: u8 = 44;
const MAX_EXTENSIONS: usize = 8;

pub(super) struct Fields {
    pub(super) ethernet: Ethernet,
    /// The outermost tag's VLAN.
    pub(super) vlan: Option<u16>,
    pub(super) length: usize,
    /// Source and destination of IP, sender and target of ARP.
    pub(super) addresses: Option<(IpAddr, IpAddr)>,
    /// The transport protocol, of later fragments too.
    pub(super) protocol: Option<u8>,
    /// Source and destination port.
    pub(super) ports: Option<(u16, u16)>,
}

impl Fields {
    /// Read `frame`; `None` if it has no Ethernet header.
    pub(super) fn read(frame: &[u8]) -> Option<Fields> {
        let ethernet = Ethernet::read(frame)?;
        let tagged = ethernet.payload > ETHERNET_HEADER;
        let vlan = tagged.then(|| be16(frame, ETHERNET_HEADER)).flatten().map(|tag| tag & 0xfff);
        let mut fields = Fields { ethernet, vlan, length: frame.len(), addresses: None, protocol: None, ports: None };
        let payload = frame.get(ethernet.payload..)?;
        match ethernet.ethertype {
            ETHERTYPE_ARP => fields.addresses = read_arp(payload),
            ETHERTYPE_IPV4 => fields.read_v4(payload),
            ETHERTYPE_IPV6 => fields.read_v6(payload),
            _ => {}
        }
        Some(fields)
    }

    fn read_v4(&mut self, packet: &[u8]) {
        let Some(header) = packet.first_chunk::<20>() else { return };
        if header[0] >> 4 != 4 {
            return;
        }
        self.addresses = v4(packet, 12).zip(v4(packet, 16));
        self.protocol = Some(header[9]);
        let later = u16::from_be_bytes([header[6], header[7]]) & 0x1fff != 0;
        let transport = packet.get(usize::from(header[0] & 0xf) * 4..);
        self.read_ports(transport.filter(|_| !later));
    }

    fn read_v6(&mut self, packet: &[u8]) {
        let Some(header) = packet.first_chunk::<40>() else { return };
        if header[0] >> 4 != 6 {
            return;
        }
        self.addresses = v6(packet, 8).zip(v6(packet, 24));
        let (mut protocol, mut at, mut later) = (header[6], 40, false);
        for _ in 0..MAX_EXTENSIONS {
            if !EXTENSIONS.contains(&protocol) {
                break;
            }
            let Some(&[next, length]) = packet.get(at..).and_then(|rest| rest.first_chunk::<2>()) else { return };
            if protocol == FRAGMENT {
                later |= be16(packet, at + 2).is_none_or(|field| field & 0xfff8 != 0);
                at += 8;
            } else {
                at += (usize::from(length) + 1) * 8;
            }
            protocol = next;
            if later {
                break;
            }
        }
        self.protocol = Some(protocol);
        self.read_ports(packet.get(at..).filter(|_| !later));
    }

    fn read_ports(&mut self, transport: Option<&[u8]>) {
        let Some(transport) = transport.filter(|_| matches!(self.protocol, Some(TCP | UDP))) else { return };
        self.ports = be16(transport, 0).zip(be16(transport, 2));
    }
}

/// Sender and target of ARP for IPv4 over Ethernet (RFC 826).
fn read_arp(packet: &[u8]) -> Option<(IpAddr, IpAddr)> {
    let ordinary = packet.starts_with(&[0, 1, 8, 0, 6, 4]);
    v4(packet, 14).zip(v4(packet, 24)).filter(|_| ordinary)
}

fn v4(bytes: &[u8], at: usize) -> Option<IpAddr> {
    let bytes: [u8; 4] = *bytes.get(at..)?.first_chunk()?;
    Some(Ipv4Addr::from(bytes).into())
}

fn v6(bytes: &[u8], at: usize) -> Option<IpAddr> {
    let bytes: [u8; 16] = *bytes.get(at..)?.first_chunk()?;
    Some(Ipv6Addr::from(bytes).into())
}
