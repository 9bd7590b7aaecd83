//! Blocks of a pcapng file (draft-ietf-opsawg-pcapng), in the host's byte order as the format allows.

use super::Direction;
use crate::wire::Mac;
use std::io::Write;
use std::time::Duration;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const INTERFACE_STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;
const BYTE_ORDER: u32 = 0x1a2b_3c4d;
const ETHERNET: u16 = 1;

const COMMENT: u16 = 1;
const SHB_USERAPPL: u16 = 4;
const IF_NAME: u16 = 2;
const IF_DESCRIPTION: u16 = 3;
const IF_TSRESOL: u16 = 9;
const EPB_FLAGS: u16 = 2;
const EPB_DROPCOUNT: u16 = 4;
const ISB_IFRECV: u16 = 4;
const ISB_IFDROP: u16 = 5;

/// More than a packet's block has beside its data.
pub(super) const OVERHEAD: usize = 256;

/// One packet.
pub(super) struct Record<'a> {
    pub(super) interface: u32,
    pub(super) direction: Direction,
    /// Since 1970.
    pub(super) time: Duration,
    pub(super) frame: &'a [u8],
    /// Bytes of the frame to keep.
    pub(super) keep: usize,
    /// Records that were lost before this one.
    pub(super) lost: u64,
}

/// The beginning of a section whose length is not known.
pub(super) fn section(out: &mut Vec<u8>) {
    block(out, SECTION_HEADER, |out| {
        out.extend(BYTE_ORDER.to_ne_bytes());
        out.extend(1u16.to_ne_bytes());
        out.extend(0u16.to_ne_bytes());
        out.extend((-1i64).to_ne_bytes());
        option(out, SHB_USERAPPL, |out| out.extend(concat!("vether ", env!("CARGO_PKG_VERSION")).bytes()));
        option(out, 0, |_| {});
    });
}

/// An Ethernet interface with timestamps in nanoseconds; the first of a section has number 0.
pub(super) fn interface(out: &mut Vec<u8>, name: &str, snaplen: u32) {
    block(out, INTERFACE, |out| {
        out.extend(ETHERNET.to_ne_bytes());
        out.extend(0u16.to_ne_bytes());
        out.extend(snaplen.to_ne_bytes());
        option(out, IF_NAME, |out| out.extend(name.bytes()));
        option(out, IF_DESCRIPTION, |out| out.extend(b"a port of a vether; inbound is from the peer to the switch"));
        option(out, IF_TSRESOL, |out| out.push(9));
        option(out, 0, |_| {});
    });
}

/// A packet. `comment` writes a note for people, or nothing.
pub(super) fn packet(out: &mut Vec<u8>, record: &Record<'_>, comment: impl FnOnce(&mut Vec<u8>)) {
    block(out, ENHANCED_PACKET, |out| {
        let kept = &record.frame[..record.frame.len().min(record.keep)];
        let time = u64::try_from(record.time.as_nanos()).unwrap_or(u64::MAX);
        for field in [record.interface, (time >> 32) as u32, time as u32, kept.len() as u32, record.frame.len() as u32]
        {
            out.extend(field.to_ne_bytes());
        }
        out.extend(kept);
        pad(out, kept.len());
        option(out, EPB_FLAGS, |out| out.extend(flags(record).to_ne_bytes()));
        if record.lost > 0 {
            option(out, EPB_DROPCOUNT, |out| out.extend(record.lost.to_ne_bytes()));
        }
        let before = out.len();
        option(out, COMMENT, comment);
        if out.len() == before + 4 {
            out.truncate(before);
        }
        option(out, 0, |_| {});
    });
}

/// Direction (bits 0 and 1) and kind of reception (bits 2 to 4) of a packet.
fn flags(record: &Record<'_>) -> u32 {
    let direction = match record.direction {
        Direction::In => 1,
        Direction::Out => 2,
    };
    let reception = match record.frame.first_chunk().map(|&bytes| Mac(bytes)) {
        None => 0,
        Some(Mac::BROADCAST) => 3,
        Some(mac) if mac.is_multicast() => 2,
        Some(_) => 1,
    };
    direction | reception << 2
}

/// How many packets an interface had: recorded and not recorded for lack of room.
pub(super) fn statistics(out: &mut Vec<u8>, interface: u32, time: Duration, received: u64, lost: u64) {
    block(out, INTERFACE_STATISTICS, |out| {
        let time = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        for field in [interface, (time >> 32) as u32, time as u32] {
            out.extend(field.to_ne_bytes());
        }
        option(out, ISB_IFRECV, |out| out.extend((received + lost).to_ne_bytes()));
        option(out, ISB_IFDROP, |out| out.extend(lost.to_ne_bytes()));
        option(out, 0, |_| {});
    });
}

fn block(out: &mut Vec<u8>, kind: u32, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend(kind.to_ne_bytes());
    out.extend([0; 4]);
    body(out);
    let length = (out.len() - start + 4) as u32;
    out.extend(length.to_ne_bytes());
    out[start + 4..start + 8].copy_from_slice(&length.to_ne_bytes());
}

fn option(out: &mut Vec<u8>, code: u16, value: impl FnOnce(&mut Vec<u8>)) {
    out.extend(code.to_ne_bytes());
    out.extend([0; 2]);
    let start = out.len();
    value(out);
    let length = out.len() - start;
    out[start - 2..start].copy_from_slice(&(length as u16).to_ne_bytes());
    pad(out, length);
}

fn pad(out: &mut Vec<u8>, length: usize) {
    out.extend(&[0; 3][..length.wrapping_neg() & 3]);
}

/// Append text; memory is all that could fail.
pub(super) fn write(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}
