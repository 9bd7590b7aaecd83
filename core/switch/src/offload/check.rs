//! The trust boundary of the virtio-net header: it is believed only where the frame itself agrees.

use crate::drops::DropReason;
use crate::port::Capabilities;
use crate::wire::ip::{Layers, Version, TCP};
use crate::wire::{Ethernet, GsoType, VnetHeader, TAG_LENGTH, VNET_HEADER};

/// More segments than this from one packet are refused: a sender could multiply its load with tiny ones.
const MAX_SEGMENTS: usize = 4096;

/// The headers of all segments of one packet have at most so many bytes, for the same reason: those of IPv6 may be long.
const MAX_HEADERS: usize = 1024 * 1024;

/// Offset of the checksum in a TCP header.
pub(super) const TCP_CHECKSUM: usize = 16;

/// Check the header of `packet` against its frame, rewrite it so that it says only what was checked, and return what a
/// sink must be able to take.
pub fn check(packet: &mut [u8], ethernet: &Ethernet) -> Result<Capabilities, DropReason> {
    let header = VnetHeader::read(packet).ok_or(DropReason::TooShort)?;
    let frame = &packet[VNET_HEADER..];
    let (needs, header_length) = match header.gso {
        GsoType::Other => return Err(DropReason::UnknownOffload),
        GsoType::None if header.needs_csum => (check_csum(&header, frame, ethernet)?, 0),
        GsoType::None => (Capabilities::NONE, 0),
        GsoType::Tcp4 => (Capabilities::TSO4, check_tcp(&header, frame, ethernet, Version::V4)?),
        GsoType::Tcp6 => (Capabilities::TSO6, check_tcp(&header, frame, ethernet, Version::V6)?),
    };
    header.write(packet, header_length);
    if header.gso == GsoType::None {
        return Ok(needs);
    }
    let needs = needs.with(Capabilities::CSUM);
    Ok(if header.ecn { needs.with(Capabilities::ECN) } else { needs })
}

fn check_csum(header: &VnetHeader, frame: &[u8], ethernet: &Ethernet) -> Result<Capabilities, DropReason> {
    let start = usize::from(header.csum_start);
    let field = start + usize::from(header.csum_offset);
    // A tag may be pushed, and the offset is a 16-bit number.
    let tagged_start = usize::from(u16::MAX) - TAG_LENGTH;
    if start < ethernet.payload || start > tagged_start || field + 2 > frame.len() {
        return Err(DropReason::BadOffload);
    }
    Ok(Capabilities::CSUM)
}

fn check_tcp(header: &VnetHeader, frame: &[u8], ethernet: &Ethernet, version: Version) -> Result<u16, DropReason> {
    let layers = Layers::find(frame, ethernet).ok_or(DropReason::BadOffload)?;
    let tcp = layers.tcp_header(frame).ok_or(DropReason::BadOffload)?;
    let payload = layers.end - layers.transport - tcp;
    let segments = payload.div_ceil(usize::from(header.gso_size).max(1));
    let sound = layers.version == version
        && layers.protocol == TCP
        && header.needs_csum
        && usize::from(header.csum_start) == layers.transport
        && usize::from(header.csum_offset) == TCP_CHECKSUM
        && header.gso_size != 0
        && segments <= MAX_SEGMENTS
        && segments * (layers.transport + tcp) <= MAX_HEADERS;
    match u16::try_from(layers.transport + tcp) {
        Ok(length) if sound => Ok(length),
        _ => Err(DropReason::BadOffload),
    }
}
