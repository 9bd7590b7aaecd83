//! Partial checksums that came without a header that says so.

use super::check::TCP_CHECKSUM;
use crate::wire::ip::{Layers, TCP, UDP};
use crate::wire::{be16, checksum, Ethernet, VnetHeader, VNET_HEADER};

const UDP_CHECKSUM: usize = 6;

/// Note in the header of `packet`, which asks for nothing, that its checksum is partial, if it looks so.
///
/// A kernel that encapsulates a frame leaves the inner checksum to a card. Where there is none in between, as on a veth
/// pair, the frame arrives with the sum of the pseudo header in its place. One of 65,536 finished checksums looks so too;
/// finishing it again gives the same.
pub fn recognise(packet: &mut [u8]) {
    let Some(header) = packet.get(VNET_HEADER..).and_then(partial) else { return };
    header.write(packet, 0);
}

fn partial(frame: &[u8]) -> Option<VnetHeader> {
    let layers = Layers::find(frame, &Ethernet::read(frame)?)?;
    let offset = match layers.protocol {
        TCP => TCP_CHECKSUM,
        UDP => UDP_CHECKSUM,
        _ => return None,
    };
    if layers.end != frame.len() {
        // What is behind the packet would be summed as well.
        return None;
    }
    let length = layers.end - layers.transport;
    let field = be16(&frame[..layers.end], layers.transport + offset)?;
    (field == checksum::fold(layers.pseudo_header(frame, length))).then_some(VnetHeader {
        needs_csum: true,
        csum_start: layers.transport as u16,
        csum_offset: offset as u16,
        ..VnetHeader::PLAIN
    })
}
