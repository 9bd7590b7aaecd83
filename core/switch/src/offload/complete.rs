//! Finish a checked packet for a sink that cannot.

use super::segment;
use crate::port::Capabilities;
use crate::wire::{checksum, GsoType, VnetHeader, VNET_HEADER};

/// Finish `packet`, which [`super::check`] has passed, for a sink with capabilities `sink`, and append what the sink is
/// to get to `arena`. `made` is called with the range of each packet, of which there are several after segmentation.
pub fn complete(packet: &[u8], sink: Capabilities, arena: &mut Vec<u8>, mut made: impl FnMut(std::ops::Range<usize>)) {
    let Some(header) = VnetHeader::read(packet) else { return };
    if header.gso != GsoType::None {
        segment::segment(packet, &header, arena, made);
        return;
    }
    let start = arena.len();
    arena.extend_from_slice(packet);
    if header.needs_csum && !sink.contains(Capabilities::CSUM) {
        finish_checksum(&mut arena[start..], &header);
    }
    made(start..arena.len());
}

fn finish_checksum(packet: &mut [u8], header: &VnetHeader) {
    let (head, frame) = packet.split_at_mut(VNET_HEADER);
    let start = usize::from(header.csum_start);
    let field = start + usize::from(header.csum_offset);
    let Some(covered) = frame.get(start..) else { return };
    // The field holds the sum of the pseudo header; it is part of what is summed. A result of zero is sent as its other
    // form, 0xffff, for in UDP zero means that there is no checksum (RFC 768), and for the rest both mean the same.
    let sum = match checksum::finish(checksum::add(0, covered)) {
        0 => 0xffff,
        sum => sum,
    };
    crate::wire::put16(frame, field, sum);
    VnetHeader { data_valid: header.data_valid, ..VnetHeader::PLAIN }.write(head, 0);
}
