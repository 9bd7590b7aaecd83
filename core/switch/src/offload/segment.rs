//! TCP segmentation in software (what a network card does with TSO).

use super::check::TCP_CHECKSUM;
use crate::wire::ip::{finish_ipv4, Layers, Version};
use crate::wire::{be16, be32, checksum, put16, Ethernet, VnetHeader, VNET_HEADER};
use std::ops::Range;

const FLAGS: usize = 13;
const FIN: u8 = 0x01;
const PSH: u8 = 0x08;
const CWR: u8 = 0x80;

/// Cut a checked TCP packet into complete ones of at most `gso_size` payload bytes.
///
/// Sequence numbers and IPv4 identifications count up; FIN and PSH are on the last segment only, CWR on the first
/// (RFC 3168, section 6.1.2).
pub(super) fn segment(packet: &[u8], header: &VnetHeader, arena: &mut Vec<u8>, mut made: impl FnMut(Range<usize>)) {
    let frame = &packet[VNET_HEADER..];
    let Some(layers) = Ethernet::read_edited(frame).and_then(|ethernet| Layers::find(frame, &ethernet)) else { return };
    let Some(tcp) = layers.tcp_header(frame) else { return };
    let (headers, payload) = frame[..layers.end].split_at(layers.transport + tcp);
    let sequence = be32(frame, layers.transport + 4).unwrap_or(0);
    let identification = be16(frame, layers.network + 4).unwrap_or(0);
    let size = usize::from(header.gso_size).max(1);
    let count = payload.len().div_ceil(size).max(1);
    for index in 0..count {
        let chunk = &payload[index * size..payload.len().min((index + 1) * size)];
        let start = arena.len();
        arena.extend_from_slice(&[0; VNET_HEADER]);
        arena.extend_from_slice(headers);
        arena.extend_from_slice(chunk);
        let made_frame = &mut arena[start + VNET_HEADER..];
        write_network(made_frame, &layers, identification.wrapping_add(index as u16));
        let transport = &mut made_frame[layers.transport..];
        transport[4..8].copy_from_slice(&sequence.wrapping_add((index * size) as u32).to_be_bytes());
        if index + 1 < count {
            transport[FLAGS] &= !(FIN | PSH);
        }
        if index > 0 {
            transport[FLAGS] &= !CWR;
        }
        write_checksum(made_frame, &layers);
        made(start..arena.len());
    }
}

fn write_network(frame: &mut [u8], layers: &Layers, identification: u16) {
    let length = frame.len() - layers.network;
    let ip = &mut frame[layers.network..];
    match layers.version {
        Version::V4 => {
            put16(ip, 2, length as u16);
            put16(ip, 4, identification);
            let header = usize::from(ip[0] & 0xf) * 4;
            finish_ipv4(ip, header);
        }
        Version::V6 => put16(ip, 4, (length - 40) as u16),
    }
}

fn write_checksum(frame: &mut [u8], layers: &Layers) {
    put16(frame, layers.transport + TCP_CHECKSUM, 0);
    let message = &frame[layers.transport..];
    let sum = checksum::finish(checksum::add(layers.pseudo_header(frame, message.len()), message));
    put16(frame, layers.transport + TCP_CHECKSUM, sum);
}
