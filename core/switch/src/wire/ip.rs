//! Where the layers of a TCP or UDP packet lie: IPv4 (RFC 791), IPv6 (RFC 8200), TCP (RFC 9293), UDP (RFC 768).

use super::{be16, checksum, Ethernet};

/// EtherType of IPv4.
pub const ETHERTYPE_IPV4: u16 = 0x0800;
/// EtherType of ARP.
pub const ETHERTYPE_ARP: u16 = 0x0806;
/// EtherType of IPv6.
pub const ETHERTYPE_IPV6: u16 = 0x86dd;
/// Protocol number of TCP.
pub const TCP: u8 = 6;
/// Protocol number of UDP.
pub const UDP: u8 = 17;

/// IPv6 extension headers that may stand before the transport header and have the common length field.
const EXTENSIONS: [u8; 3] = [0, 43, 60];
const MAX_EXTENSIONS: usize = 8;

/// The version of the network layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// The layers of an unfragmented IP packet within a frame; all offsets are within the frame and checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layers {
    /// Which IP.
    pub version: Version,
    /// Offset of the IP header.
    pub network: usize,
    /// Offset of the transport header.
    pub transport: usize,
    /// Transport protocol number.
    pub protocol: u8,
    /// End of the IP packet; what follows is padding.
    pub end: usize,
}

impl Layers {
    /// Find the layers behind `ethernet`. `None` if the packet is no IP, a fragment, or contradicts itself.
    pub fn find(frame: &[u8], ethernet: &Ethernet) -> Option<Layers> {
        match ethernet.ethertype {
            ETHERTYPE_IPV4 => Self::find_v4(frame, ethernet.payload),
            ETHERTYPE_IPV6 => Self::find_v6(frame, ethernet.payload),
            _ => None,
        }
    }

    fn find_v4(frame: &[u8], network: usize) -> Option<Layers> {
        let header: &[u8; 20] = frame.get(network..)?.first_chunk()?;
        let length = usize::from(header[0] & 0xf) * 4;
        let end = network + usize::from(u16::from_be_bytes([header[2], header[3]]));
        let transport = network + length;
        let fragment = u16::from_be_bytes([header[6], header[7]]) & 0x3fff != 0;
        if header[0] >> 4 != 4 || length < 20 || fragment || transport > end || end > frame.len() {
            return None;
        }
        Some(Layers { version: Version::V4, network, transport, protocol: header[9], end })
    }

    fn find_v6(frame: &[u8], network: usize) -> Option<Layers> {
        let header: &[u8; 40] = frame.get(network..)?.first_chunk()?;
        let mut transport = network + 40;
        let end = transport + usize::from(u16::from_be_bytes([header[4], header[5]]));
        if header[0] >> 4 != 6 || end > frame.len() {
            return None;
        }
        let mut protocol = header[6];
        for _ in 0..MAX_EXTENSIONS {
            if !EXTENSIONS.contains(&protocol) {
                break;
            }
            protocol = *frame[..end].get(transport)?;
            transport += (usize::from(*frame[..end].get(transport + 1)?) + 1) * 8;
        }
        (transport <= end && !EXTENSIONS.contains(&protocol)).then_some(Layers {
            version: Version::V6,
            network,
            transport,
            protocol,
            end,
        })
    }

    /// Running sum of the pseudo header for a transport message of `length` bytes.
    ///
    /// With an IPv6 routing header the final destination would count; such packets are not offloaded by senders.
    pub fn pseudo_header(&self, frame: &[u8], length: usize) -> u64 {
        let addresses = match self.version {
            Version::V4 => frame.get(self.network + 12..self.network + 20),
            Version::V6 => frame.get(self.network + 8..self.network + 40),
        };
        checksum::add(length as u64 + u64::from(self.protocol), addresses.unwrap_or(&[]))
    }

    /// Length of the TCP header at `transport`, options included; `None` if it is not wholly there.
    pub fn tcp_header(&self, frame: &[u8]) -> Option<usize> {
        let length = usize::from(*frame.get(self.transport + 12)? >> 4) * 4;
        (length >= 20 && self.transport + length <= self.end).then_some(length)
    }

    /// Destination port of UDP or TCP.
    pub fn destination_port(&self, frame: &[u8]) -> Option<u16> {
        be16(&frame[..self.end], self.transport + 2)
    }
}

/// Write the checksum of the IPv4 header that begins `packet` and is `length` bytes long.
pub fn finish_ipv4(packet: &mut [u8], length: usize) {
    packet[10..12].fill(0);
    let sum = checksum::finish(checksum::add(0, &packet[..length]));
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn offsets_stay_within_the_frame(
            mut frame in proptest::collection::vec(any::<u8>(), 0..120),
            v6 in any::<bool>(),
            length in 0u16..120,
        ) {
            if frame.len() > 20 {
                frame[12..14].copy_from_slice(if v6 { &[0x86, 0xdd] } else { &[8, 0] });
                frame[14] = if v6 { 0x60 } else { 0x45 };
                let at = if v6 { 18 } else { 16 };
                frame[at..at + 2].copy_from_slice(&length.to_be_bytes());
            }
            let Some(ethernet) = Ethernet::read(&frame) else { return Ok(()) };
            if let Some(layers) = Layers::find(&frame, &ethernet) {
                prop_assert!(layers.network < layers.transport);
                prop_assert!(layers.transport <= layers.end && layers.end <= frame.len());
                layers.pseudo_header(&frame, 20);
                layers.destination_port(&frame);
                if let Some(header) = layers.tcp_header(&frame) {
                    prop_assert!(layers.transport + header <= layers.end);
                }
            }
        }
    }
}
