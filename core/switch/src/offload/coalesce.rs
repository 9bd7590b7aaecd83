//! The reverse of segmentation: successive TCP segments of one connection become one packet (what GRO does in kernels).
//!
//! Only what segmentation would cut into the same frames again is put together, so that nobody can tell.

use super::check::TCP_CHECKSUM;
use crate::wire::ip::{finish_ipv4, Layers, Version, TCP};
use crate::wire::{be16, be32, checksum, put16, Ethernet, GsoType, VnetHeader, VNET_HEADER};

const FLAGS: usize = 13;
const ACK: u8 = 0x10;
const PSH: u8 = 0x08;
const IPV4_WITHOUT_OPTIONS: usize = 20;

/// A TCP segment, and where it is in its frame.
struct Segment<'a> {
    frame: &'a [u8],
    layers: Layers,
    /// Length of all headers.
    headers: usize,
}

impl<'a> Segment<'a> {
    /// Read a segment with payload and nothing special; `None` for everything else.
    fn read(frame: &'a [u8]) -> Option<Segment<'a>> {
        let layers = Layers::find(frame, &Ethernet::read(frame)?)?;
        let headers = layers.transport + layers.tcp_header(frame).filter(|_| layers.protocol == TCP)?;
        let plain = layers.end == frame.len()
            && headers < frame.len()
            && frame[layers.transport + FLAGS] & !PSH == ACK
            && (layers.version == Version::V6 || layers.transport - layers.network == IPV4_WITHOUT_OPTIONS);
        plain.then_some(Segment { frame, layers, headers })
    }

    fn payload(&self) -> usize {
        self.frame.len() - self.headers
    }

    fn sequence(&self) -> u32 {
        be32(self.frame, self.layers.transport + 4).unwrap_or(0)
    }

    fn identification(&self) -> u16 {
        be16(self.frame, self.layers.network + 4).unwrap_or(0)
    }

    /// What must be the same in all segments of a packet.
    fn constant(&self) -> [&'a [u8]; 6] {
        let (network, transport) = (self.layers.network, self.layers.transport);
        let [second, third] = match self.layers.version {
            Version::V4 => [network + 6..network + 10, network + 12..transport],
            Version::V6 => [network + 2..network + 4, network + 6..transport],
        };
        [
            &self.frame[..network + 2],
            &self.frame[second],
            &self.frame[third],
            &self.frame[transport..transport + 4],
            &self.frame[transport + 8..transport + FLAGS],
            &self.frame[transport + FLAGS + 1..transport + TCP_CHECKSUM],
        ]
    }

    fn options(&self) -> &'a [u8] {
        &self.frame[self.layers.transport + TCP_CHECKSUM + 2..self.headers]
    }

    fn pseudo_header(&self) -> u64 {
        self.layers.pseudo_header(self.frame, self.frame.len() - self.layers.transport)
    }

    /// Whether the checksums are right; TCP's may be partial.
    fn is_sound(&self) -> bool {
        let ip = &self.frame[self.layers.network..self.layers.transport];
        if self.layers.version == Version::V4 && checksum::fold(checksum::add(0, ip)) != 0xffff {
            return false;
        }
        let pseudo = self.pseudo_header();
        let field = be16(self.frame, self.layers.transport + TCP_CHECKSUM);
        field == Some(checksum::fold(pseudo))
            || checksum::fold(checksum::add(pseudo, &self.frame[self.layers.transport..])) == 0xffff
    }
}

/// Put the segment `frame` behind the packet `slot[..length]`; returns the packet's new length. `None`, and nothing is
/// changed, if it does not belong there.
pub fn coalesce(slot: &mut [u8], length: usize, frame: &[u8]) -> Option<usize> {
    let header = VnetHeader::read(slot)?;
    let packet = Segment::read(slot.get(VNET_HEADER..length)?)?;
    let next = Segment::read(frame)?;
    let alone = header.gso == GsoType::None;
    let size = if alone { packet.payload() } else { usize::from(header.gso_size).max(1) };
    let count = packet.payload() / size;
    let end = length + next.payload();
    let belongs = packet.headers == next.headers
        && packet.constant() == next.constant()
        && packet.options() == next.options()
        && packet.frame[packet.layers.transport + FLAGS] == ACK
        && packet.payload() % size == 0
        && next.payload() <= size
        && next.sequence() == packet.sequence().wrapping_add(packet.payload() as u32)
        && (packet.layers.version == Version::V6
            || next.identification() == packet.identification().wrapping_add(count as u16))
        && end - VNET_HEADER - packet.layers.network <= usize::from(u16::MAX)
        && end <= slot.len();
    if !belongs || !next.is_sound() || (alone && !packet.is_sound()) {
        return None;
    }
    let (layers, headers) = (packet.layers, packet.headers);
    let flags = next.frame[layers.transport + FLAGS];
    slot[length..end].copy_from_slice(&frame[headers..]);
    finish(&mut slot[..end], layers, headers, flags, size as u16);
    Some(end)
}

/// Make the headers those of the whole packet.
fn finish(packet: &mut [u8], layers: Layers, headers: usize, flags: u8, size: u16) {
    let frame = &mut packet[VNET_HEADER..];
    let end = frame.len();
    let (gso, ip) = match layers.version {
        Version::V4 => (GsoType::Tcp4, end - layers.network),
        Version::V6 => (GsoType::Tcp6, end - layers.network - 40),
    };
    match layers.version {
        Version::V4 => {
            put16(frame, layers.network + 2, ip as u16);
            finish_ipv4(&mut frame[layers.network..], IPV4_WITHOUT_OPTIONS);
        }
        Version::V6 => put16(frame, layers.network + 4, ip as u16),
    }
    frame[layers.transport + FLAGS] = flags;
    let partial = checksum::fold(layers.pseudo_header(frame, end - layers.transport));
    put16(frame, layers.transport + TCP_CHECKSUM, partial);
    let header = VnetHeader {
        needs_csum: true,
        gso,
        gso_size: size,
        csum_start: layers.transport as u16,
        csum_offset: TCP_CHECKSUM as u16,
        ..VnetHeader::PLAIN
    };
    header.write(packet, headers as u16);
}
